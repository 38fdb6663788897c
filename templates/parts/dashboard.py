"""One page of the console with what the stack does: what runs, what serves, what drifts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from troposphere import If, Ref, Sub, Template
from troposphere.cloudwatch import Dashboard
from troposphere.stepfunctions import StateMachine

from templates.parameters import Parameters
from templates.parts.alarms import ACCURACY, DRIFTED, NAMESPACE, SCORE, VARIANT, WRONG_ANSWERS

# A page is 24 columns wide (Dashboard body structure and syntax, CloudWatch API Reference)
_WIDE, _TALL = 8, 6
_ENDPOINT = ("EndpointName", "${ProjectName}", "VariantName", VARIANT)
_SERVED, _BUILDS, _STORIES = "AWS/SageMaker", "AWS/CodeBuild", "AWS/States"
_SPENT = "AWS/Billing"
# Of the page's text, as json.dumps indents it
_END = "\n ]\n}"
_HELP = """\
`make status` says what runs, waits, serves and drifts; `make logs` why a run failed; \
`make rollback` takes the endpoint back; `make drift` shows what requests have become; \
`make cost` what all of it costs."""


def add_dashboard(
    template: Template,
    parameters: Parameters,
    machines: Mapping[str, StateMachine],
    alarms: Sequence[str],
) -> Dashboard:
    """`machines` by what they do; `alarms` are the titles of those that the page shows."""
    rows = [
        [
            _graph("Requests", _of_endpoint("Invocations", "Sum"), "Sum"),
            _graph(
                "Answers that are none",
                [
                    *_of_endpoint("Invocation4XXErrors", "Sum"),
                    *_of_endpoint("Invocation5XXErrors", "Sum"),
                    [f"{NAMESPACE}", WRONG_ANSWERS, {"stat": "Sum"}],
                ],
            ),
            _graph(
                "Time to answer (microseconds)",
                [
                    *_of_endpoint("ModelLatency", "p50"),
                    *_of_endpoint("ModelLatency", "p99"),
                ],
            ),
        ],
        [
            _graph(
                "Builds",
                [
                    [_BUILDS, name, "ProjectName", f"${{ProjectName}}-{project}", {"stat": "Sum"}]
                    for project in ("test", "image")
                    for name in ("SucceededBuilds", "FailedBuilds")
                ],
            ),
            _graph(
                "Workflows that failed",
                [
                    [_STORIES, "ExecutionsFailed", "StateMachineArn", f"${{{name}}}"]
                    for name in machines
                ],
            ),
            _graph(
                "Time of a training, from its begin to the endpoint (milliseconds)",
                [[_STORIES, "ExecutionTime", "StateMachineArn", "${Training}"]],
                "Maximum",
            ),
        ],
        [
            _graph("Accuracy of versions", [[NAMESPACE, ACCURACY]], "Maximum"),
            _graph("Drift", [[NAMESPACE, SCORE], [NAMESPACE, DRIFTED]], "Maximum"),
        ],
    ]
    widgets: list[dict[str, Any]] = [
        {
            "type": "text",
            "x": 0,
            "y": 0,
            "width": 24,
            "height": 2,
            "properties": {"markdown": _HELP},
        },
        {
            **{"type": "alarm", "x": 0, "y": 2, "width": 24, "height": 3},
            "properties": {"title": "Alarms", "alarms": [f"${{{title}Arn}}" for title in alarms]},
        },
    ]
    widgets += [
        {**widget, **_place(number, place)}
        for number, row in enumerate(rows)
        for place, widget in enumerate(row)
    ]
    spend = {**_spend(), **_place(len(rows) - 1, len(rows[-1]))}
    body = json.dumps({"widgets": widgets}, indent=1).removesuffix(_END) + "${Spend}" + _END
    values = {
        "Spend": If(parameters.spend_known, f",\n  {json.dumps(spend)}", ""),
        "ProjectName": Ref("ProjectName"),
        **{name: machine.ref() for name, machine in machines.items()},
        **{f"{title}Arn": template.resources[title].get_att("Arn") for title in alarms},
    }
    return template.add_resource(
        Dashboard(
            "Dashboard",
            DashboardName=Sub("${ProjectName}-${AWS::Region}"),
            DashboardBody=Sub(body, **values),
        )
    )


def _place(row: int, number: int) -> dict[str, int]:
    return {"x": number * _WIDE, "y": 5 + row * _TALL, "width": _WIDE, "height": _TALL}


def _spend() -> dict[str, Any]:
    """Of the whole account, once it lets CloudWatch see its bill (Create a billing alarm to monitor
    your estimated AWS charges, CloudWatch User Guide): in one region, whichever the stack is in."""
    graph = _graph(
        "Bill of the account this month (dollars)",
        [[_SPENT, "EstimatedCharges", "Currency", "USD"]],
        "Maximum",
    )
    several_a_day = 6 * 3600
    return {
        **graph,
        "properties": {**graph["properties"], "region": "us-east-1", "period": several_a_day},
    }


def _of_endpoint(metric: str, stat: str) -> list[list[Any]]:
    return [[_SERVED, metric, *_ENDPOINT, {"stat": stat, "label": f"{metric} {stat}"}]]


def _graph(title: str, metrics: list[list[Any]], stat: str = "Sum") -> dict[str, Any]:
    return {
        "type": "metric",
        "properties": {
            "title": title,
            "metrics": metrics,
            "region": "${AWS::Region}",
            "view": "timeSeries",
            "period": 300,
            "stat": stat,
        },
    }
