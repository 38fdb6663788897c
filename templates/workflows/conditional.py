"""What a conditional write of S3 was refused with: 412, or 409 while another write goes on. It has
no name of its own (PutObject, Amazon S3 API Reference), so it is read from the cause."""

from templates.workflows.language import (
    EXPLAIN,
    Step,
    Way,
    all_of,
    any_of,
    choose,
    matches,
    present,
    put,
    when,
)


def refused(name: str, way: Way, *, at: str, error: str) -> Step:
    """Go that way where a write was refused; what else went wrong at `at` is kept by the step
    `error`, and explained."""
    cause = f"{at}.Cause"
    quicker = any_of(*(matches(cause, f"*Status Code: {code}*") for code in (412, 409)))
    kept = put(error, "$.error", at, then=EXPLAIN)
    return choose(name, when(all_of(present(cause), quicker), way), otherwise=[kept])
