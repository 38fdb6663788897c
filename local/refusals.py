"""How this endpoint says no: in one sentence, whoever says it; it loads nothing of moto."""

from typing import Self


class TurnedAway(Exception):
    """A request that the front answers itself: HTTP status line, AWS's code, and the reason."""

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    @classmethod
    def unsupported(cls, what: str) -> Self:
        """For a service or an operation; AWS has no code for it, since it does all it names."""
        return cls("400 Bad Request", "UnsupportedOperation", unsupported(what))


def unsupported(what: str, *supported: str) -> str:
    """The words for what AWS does and this endpoint does not, for the error of whoever finds it.

    `what` is named as the request names it; `supported` is what can be asked for in its place.
    """
    instead = f" (supported: {', '.join(supported)})" if supported else ""
    return f"{what} is not supported by the local endpoint{instead}"
