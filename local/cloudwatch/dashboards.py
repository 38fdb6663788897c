"""The dashboards that there are, and what is wrong with the body of one.

Sources: CloudWatch API reference, "Dashboard body structure and syntax"; how a fault is told,
public reports (github.com/pulumi/pulumi, issue 13059).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.context import current
from local.refusals import unsupported
from local.service import AwsError, Records, now

COLUMNS, MOST_WIDGETS, MOST_METRICS = 24, 500, 2500
_BODY = ("widgets", "start", "end", "periodOverride", "variables")
_PLACE = {"x": (0, COLUMNS - 1), "y": (0, 10**9), "width": (1, COLUMNS), "height": (1, 1000)}
# The properties of each type of widget, and of them those that it has to have. Explorers, charts
# and widgets of functions are not done
_PROPERTIES: dict[str, tuple[set[str], set[str]]] = {
    "metric": (
        {
            *("accountId", "annotations", "end", "labels", "legend", "liveData", "metrics"),
            *("period", "region", "setPeriodToTimeRange", "singleValueFullPrecision"),
            *("sparkline", "stacked", "start", "stat", "table", "timezone", "title", "trend"),
            *("view", "yAxis"),
        },
        {"region"},
    ),
    "text": ({"background", "markdown"}, {"markdown"}),
    "log": (
        {
            *("accountId", "query", "queryLanguage", "region", "stacked", "title", "view", "table"),
            *("start", "end", "timezone", "yAxis"),
        },
        {"query", "region"},
    ),
    "alarm": ({"alarms", "sortBy", "states", "title"}, {"alarms"}),
}
_VIEWS = {
    "metric": {"timeSeries", "singleValue", "gauge", "bar", "pie", "table"},
    "log": {"table", "timeSeries", "bar", "pie"},
}
_RENDERING = {
    *("accountId", "color", "expression", "id", "label", "period", "region", "stat", "visible"),
    "yAxis",
}
Fault = tuple[str, str]  # the path of what is wrong, and the words


@dataclass(frozen=True)
class Dashboard:
    name: str
    body: str
    modified: datetime = field(default_factory=now)

    @property
    def arn(self) -> str:
        here = current()
        return f"arn:{here.partition}:cloudwatch::{here.account}:dashboard/{self.name}"


class DashboardRecords(Records):
    def __init__(self) -> None:
        super().__init__()
        self.dashboards: dict[str, Dashboard] = {}

    def find(self, name: str) -> Dashboard:
        """Raises AwsError."""
        found = self.dashboards.get(name)
        if found is None:
            raise AwsError("ResourceNotFound", f"Dashboard {name} does not exist")
        return found


def check(body: str) -> None:
    """Raises AwsError with all that is wrong."""
    try:
        found = list(_faults(json.loads(body)))
    except ValueError:
        found = [("", "The field DashboardBody must be a valid JSON object")]
    if found:
        told = json.dumps([{"dataPath": where, "message": what} for where, what in found], indent=2)
        text = f"The dashboard body is invalid, there are {len(found)} validation errors:\n{told}"
        raise AwsError("InvalidParameterInput", text)


def _faults(body: Any) -> Iterator[Fault]:
    if not isinstance(body, dict):
        yield "", "Should be object"
        return
    yield from _unknown("", body, _BODY)
    widgets = body.get("widgets")
    if not isinstance(widgets, list):
        yield "/widgets", "Should be array"
        return
    if len(widgets) > MOST_WIDGETS:
        yield "/widgets", f"Should NOT have more than {MOST_WIDGETS} items"
    metrics = 0
    for number, widget in enumerate(widgets):
        yield from _of_widget(f"/widgets/{number}", widget)
        given = widget.get("properties") if isinstance(widget, dict) else None
        found = given.get("metrics") if isinstance(given, dict) else None
        metrics += len(found) if isinstance(found, list) else 0
    if metrics > MOST_METRICS:
        yield "/widgets", f"Should NOT have more than {MOST_METRICS} metrics"


def _of_widget(where: str, widget: Any) -> Iterator[Fault]:
    if not isinstance(widget, dict):
        yield where, "Should be object"
        return
    yield from _unknown(where, widget, ("type", "properties", *_PLACE))
    kind, properties = widget.get("type"), widget.get("properties")
    for name, (least, most) in _PLACE.items():
        value = widget.get(name, least)
        if not _is_whole(value) or not least <= value <= most:
            yield f"{where}/{name}", f"Should be a whole number from {least} to {most}"
    if ("x" in widget) != ("y" in widget):
        yield where, "x and y have to be given together"
    if kind not in _PROPERTIES:
        yield f"{where}/type", unsupported(f"the widget {kind}", *_PROPERTIES)
    elif not isinstance(properties, dict):
        yield f"{where}/properties", "Should be object"
    else:
        yield from _of_properties(f"{where}/properties", kind, properties)


def _of_properties(where: str, kind: str, given: Mapping[str, Any]) -> Iterator[Fault]:
    known, needed = _PROPERTIES[kind]
    yield from _unknown(where, given, known)
    for name in sorted(needed - given.keys()):
        yield f"{where}/{name}", f'Field "{name}" is required'
    if given.get("view", "timeSeries") not in _VIEWS.get(kind, {"timeSeries"}):
        yield f"{where}/view", unsupported(f"the view {given['view']}", *sorted(_VIEWS[kind]))
    if kind == "alarm" and not _are_texts(given.get("alarms")):
        yield f"{where}/alarms", "Should be array of the ARNs of alarms"
    if kind == "metric":
        yield from _of_metrics(where, given)


def _of_metrics(where: str, given: Mapping[str, Any]) -> Iterator[Fault]:
    """A widget shows metrics, or the one alarm of its annotations."""
    annotations = given.get("annotations")
    if "metrics" not in given:
        if not isinstance(annotations, dict) or not _are_texts(annotations.get("alarms")):
            yield f"{where}/metrics", 'Field "metrics" is required'
        return
    metrics = given["metrics"]
    if not isinstance(metrics, list):
        yield f"{where}/metrics", "Should be array"
        return
    for number, metric in enumerate(metrics):
        yield from _of_metric(f"{where}/metrics/{number}", metric)


def _of_metric(where: str, metric: Any) -> Iterator[Fault]:
    """[namespace, name, dimension, value, …, {how it is drawn}], or [{an expression}]."""
    if not isinstance(metric, list) or not metric:
        yield where, "Should be array"
        return
    rendering = metric[-1] if isinstance(metric[-1], dict) else {}
    names = metric[:-1] if isinstance(metric[-1], dict) else metric
    yield from _unknown(where, rendering, _RENDERING)
    if not names and "expression" in rendering:
        return
    is_short = "..." in names  # the beginning is that of the metric before
    if not _are_texts(names) or (not is_short and (len(names) < 2 or len(names) % 2)):
        yield (
            where,
            'Field "metrics" has to be an array of array of strings, with an optional '
            "metricRenderer object as last element",
        )


def _unknown(where: str, given: Mapping[str, Any], known: Any) -> Iterator[Fault]:
    for name in sorted(given.keys() - set(known)):
        yield f"{where}/{name}", unsupported(name, *sorted(known))


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
