"""An AWS endpoint on the loopback interface, with real git, builds and processes behind it.

Any AWS client drives it through AWS_ENDPOINT_URL. Storage and protocol come from moto; what moto
only records (builds, pipelines, jobs, endpoints, stacks) is done here.
"""
