"""What goes wrong with a resource, and how a stack event words it."""

import re

from botocore.exceptions import BotoCoreError, ClientError

from local.cfn.form import TemplateError
from local.cfn.schema import PropertyError


class AlreadyExists(Exception):
    """A resource that cannot be created because one of its name is there."""


def is_missing(error: Exception) -> bool:
    """Whether a deletion failed because there is nothing left to delete."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return bool(re.search(r"NotFound|NoSuch|DoesNotExist|404", code))


def reason(error: Exception) -> str:
    """An error as a stack event words it."""
    if isinstance(error, TemplateError | PropertyError):
        return str(error)
    if isinstance(error, AlreadyExists):
        return f"{error} already exists"
    if isinstance(error, ClientError):
        told, meta = error.response["Error"], error.response["ResponseMetadata"]
        kind = next((k for p, k in HANDLER_ERRORS if re.search(p, told["Code"])), "InvalidRequest")
        detail = f"{told['Code']}; Status Code: {meta['HTTPStatusCode']}"
        return (
            f'Resource handler returned message: "{told["Message"]} ({detail})"'
            f" (HandlerErrorCode: {kind})"
        )
    if isinstance(error, BotoCoreError):
        message = " ".join(str(error).split())
        return f'Resource handler returned message: "{message}" (HandlerErrorCode: InvalidRequest)'
    return f"Internal Failure: {type(error).__name__}: {error}"


# CloudFormation CLI User Guide, "Handler error codes"
HANDLER_ERRORS = (
    (r"AlreadyExists|AlreadyOwned|NameExists|InUse|EntityAlreadyExists", "AlreadyExists"),
    (r"NotFound|NoSuch|DoesNotExist", "NotFound"),
    (r"AccessDenied|NotAuthorized|Unauthorized", "AccessDenied"),
    (r"Throttl|TooManyRequests", "Throttling"),
    (r"LimitExceeded", "ServiceLimitExceeded"),
    (r"Internal|ServiceUnavailable", "ServiceInternalError"),
)

# what a deployment may meet; anything else is a fault of ours and is printed with its traceback
EXPECTED = (ClientError, BotoCoreError, TemplateError, PropertyError, AlreadyExists)
