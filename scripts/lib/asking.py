"""Who asked for a training, in words: as an execution's input or a version's metadata have it."""

from collections.abc import Mapping
from typing import Any

SHORT = {
    "push": "a push",
    "data": "new data",
    "schedule": "a schedule",
    "drift": "drift",
    "person": "a person",
}


def in_words(kind: str, by: str) -> str:
    """With what by itself says more than who: which data, schedule or look."""
    match kind:
        case "data":
            return f"data that arrived: {by}"
        case "schedule":
            return f"a schedule, {by.rpartition('/')[2]}"
        case "drift":
            return f"drift, found by the look {by}"
    return SHORT.get(kind, kind)


def kind_of(given: Mapping[str, Any]) -> str:
    """What an execution's input calls who asked; or an empty text."""
    trigger = given.get("trigger")
    return str(trigger.get("kind", "")) if isinstance(trigger, dict) else ""


def takes_newest(given: Mapping[str, Any]) -> bool:
    """Whether an execution brings no images of its own: it has no run of the pipeline."""
    return bool(kind_of(given)) and "trainingImage" not in given


def about(given: Mapping[str, Any], name: str) -> str:
    """What an execution is about, by its input: a commit, who asked, or a version."""
    if version := given.get("version"):
        return f"commit {str(version)[:12]}"
    if kind := kind_of(given):
        return f"what {SHORT.get(kind, kind)} asked for"
    return str(given.get("name", name))
