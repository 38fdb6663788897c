"""SageMaker: jobs and endpoints as processes under the /opt/ml contract."""
