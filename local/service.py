"""The base of this endpoint's own services: AWS's protocol from botocore's model, through moto."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Self

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from local.context import Context, current
from local.credentials import Caller, caller


class AwsError(ServiceException):
    """An error as AWS words it: `code` is the exception's name in the service's model."""

    def __init__(self, code: str, message: str, **attributes: Any) -> None:
        super().__init__(code, message)
        for name, value in attributes.items():
            setattr(self, name, value)


def now() -> datetime:
    return datetime.now(UTC)


class Records:
    """What a service knows of its resources; whoever changes them holds `lock`.

    A service's subclass is its state, and `here` finds it: `PipelineRecords.here().lock`.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()

    @classmethod
    def here(cls) -> Self:
        """The records of the endpoint that this process serves."""
        key = (cls, current())
        with _making:
            if key not in _made:
                _made[key] = cls()
            made: Self = _made[key]
            return made


_made: dict[tuple[type, Context], Any] = {}
_making = threading.Lock()


class Service(BaseResponse):
    """One AWS service; an operation is a method of its snake_case name returning an ActionResult.

    The name of the service is botocore's ("codebuild", "cloudformation" …); `bad_page` is the code
    of its model for a page that cannot be.
    """

    service: str
    bad_page = "ValidationException"
    page_names = ("nextToken", "maxResults")
    page_size = 100

    def __init__(self) -> None:
        super().__init__(service_name=self.service)
        self.automated_parameter_parsing = True

    def get(self, name: str, default: Any = None) -> Any:
        """A request parameter by its name in the API."""
        value = self._get_param(name)
        return default if value is None else value

    def caller(self) -> Caller:
        return caller(self.get_access_key())

    def page(self, name: str, rows: Sequence[Any]) -> ActionResult:
        """What a List operation answers: the rows of the page that is asked for, under `name`."""
        token, limit = self.page_names
        asked = self.get(token, "0")
        if not asked.isdecimal():
            raise AwsError(self.bad_page, f"{token} '{asked}' was not given by this endpoint")
        end = int(asked) + int(self.get(limit) or self.page_size)
        more = {token: str(end)} if end < len(rows) else {}
        return ActionResult({name: rows[int(asked) : end], **more})
