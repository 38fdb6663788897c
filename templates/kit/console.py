"""Addresses in the AWS console, whose host differs by partition."""

from troposphere import FindInMap, Partition, Sub, Template

_MAP = "Consoles"
# The page of an execution of a workflow, but for its ARN at the end
EXECUTIONS = "/states/home?region=${AWS::Region}#/v2/executions/details/"


def add_consoles(template: Template) -> None:
    """Where the console of each partition is; AWS::URLSuffix is not it."""
    domains = {
        "aws": "console.aws.amazon.com",
        "aws-cn": "console.amazonaws.cn",
        "aws-us-gov": "console.amazonaws-us-gov.com",
    }
    entries = {partition: {"Domain": domain} for partition, domain in domains.items()}
    template.add_mapping(_MAP, entries)


def console_page(path: str, **values: object) -> Sub:
    """The address of a page; `values` fill further ${tokens} of `path`."""
    domain = FindInMap(_MAP, Partition, "Domain")
    return Sub("https://${AWS::Region}.${Console}" + path, Console=domain, **values)
