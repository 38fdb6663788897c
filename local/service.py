"""The base of this endpoint's own services: AWS's protocol from botocore's model, through moto."""

from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from local.credentials import Caller, caller


class AwsError(ServiceException):
    """An error as AWS words it: `code` is the exception's name in the service's model."""

    def __init__(self, code: str, message: str, **attributes: Any) -> None:
        super().__init__(code, message)
        for name, value in attributes.items():
            setattr(self, name, value)


class Service(BaseResponse):
    """One AWS service; an operation is a method of its snake_case name returning an ActionResult.

    The name of the service is botocore's ("codebuild", "cloudformation" …).
    """

    service: str

    def __init__(self) -> None:
        super().__init__(service_name=self.service)
        self.automated_parameter_parsing = True

    def get(self, name: str, default: Any = None) -> Any:
        """A request parameter by its name in the API."""
        value = self._get_param(name)
        return default if value is None else value

    def caller(self) -> Caller:
        return caller(self.get_access_key())

    def call_action(self) -> Any:
        try:
            return super().call_action()
        except NotImplementedError:
            return self._refuse()

    def _refuse(self) -> Any:
        error = AwsError(
            "UnsupportedOperation",
            f"{self.service}:{self._get_action()} is not supported by the local endpoint",
        )
        status, headers, body = self.serialized(ActionResult(error))
        headers["status"] = str(status)
        return status, headers, body
