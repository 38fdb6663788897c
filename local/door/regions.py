"""What AWS does not do in every region.

There are no budgets in AWS GovCloud (US): CloudFormation has no such type there (its resource
specification), and no SDK an endpoint.

SageMaker's model registry is not among the features of AWS GovCloud (US), where calls of others
fail with these words (AWS GovCloud (US) User Guide, "Amazon SageMaker AI"). The code is that of an
operation which another region does not have (github.com/hashicorp/terraform-provider-aws, pull
27258); no public report shows it from there.
"""

ABSENT = "The requested operation is not available in the called region"


def absent(service: str, operation: str, region: str) -> bool:
    if service == "budgets":
        return region.startswith("us-gov-")
    registry = service == "sagemaker" and "ModelPackage" in operation
    return registry and region.startswith("us-gov-")
