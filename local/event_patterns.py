"""Which events a rule is for: moto matches; what it would match wrongly, or slowly, is found here.

Source: EventBridge User Guide, "Comparison operators for use in event patterns".
"""

from typing import Any

from moto.events.models import EventPattern

from local.refusals import unsupported
from local.service import AwsError

_MATCHERS = (  # moto lets everything through by another
    *("prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "cidr"),
    "wildcard",
)


def may_match(known: EventPattern, source: str, detail_type: str) -> bool:
    """Whether a look at the whole event is worth it: moto takes all of it apart for each rule."""
    pattern = known.get_pattern()
    for name, value in (("source", source), ("detail-type", detail_type)):
        wanted = pattern.get(name, [value])
        if value not in wanted and all(isinstance(each, str) for each in wanted):
            return False
    return bool(pattern)


def check_pattern(pattern: Any) -> None:
    """Raises AwsError for a matcher that nothing here knows."""
    if not isinstance(pattern, dict):
        return
    for name, wanted in pattern.items():
        for each in wanted if isinstance(wanted, list) else [wanted]:
            if name == "$or" or isinstance(wanted, dict):
                check_pattern(each)
            elif isinstance(each, dict) and (unknown := sorted(each.keys() - {*_MATCHERS})):
                reason = unsupported(f"the matcher {unknown[0]} of {name}", *_MATCHERS)
                raise AwsError(
                    "InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}"
                )
