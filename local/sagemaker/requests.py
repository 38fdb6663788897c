"""What a request for a job is refused for, whatever its kind: its role, its image, its data."""

from botocore.exceptions import ClientError

from local import images
from local.context import current
from local.credentials import Credentials, NotAuthorized, assume
from local.sagemaker import container
from local.sagemaker.records import SERVICE, invalid


def check_role(role: str, job: str) -> Credentials:
    """The role's credentials, for the job of this ARN."""
    try:
        return assume(role, SERVICE, "SageMaker", job)
    except NotAuthorized as error:
        raise invalid(
            f"Could not assume role {role}. Please ensure that the role exists and allows "
            f"principal '{SERVICE}' to assume the role. ({error})"
        ) from error


def check_image(uri: str) -> None:
    try:
        images.resolve(uri)
    except images.UnsupportedManifest as error:
        raise invalid(str(error)) from error
    except images.ImageNotFound as error:
        raise invalid(f"Cannot find the requested image: {uri}") from error


def check_objects(uri: str, role: str, credentials: Credentials) -> None:
    """CreateTrainingJob and CreateHyperParameterTuningJob themselves refuse a prefix without
    objects, as seen in public reports (github.com/aws/amazon-sagemaker-examples, issue 2267)."""
    try:
        bucket, _ = container.split(uri)
        found = container.keys(credentials.client("s3"), uri)
    except ValueError as error:
        raise invalid(str(error)) from error
    except ClientError:
        found = []
    if not found:
        raise invalid(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please '
            f"ensure that the bucket exists in the selected region ({current().region}), that "
            f'objects exist under that S3 prefix, and that the role "{role}" has '
            f'"s3:ListBucket" permissions on bucket "{bucket}".'
        )
