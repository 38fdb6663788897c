"""Dashboards are kept as they are put, if their body is one."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloudwatch.dashboards import check
from local.service import AwsError
from local.tests.aws import Aws, unique


def widget(**properties: Any) -> dict[str, Any]:
    shown = {"region": "eu-west-1", "metrics": [["AWS/States", "ExecutionsFailed"]], **properties}
    return {"type": "metric", "x": 0, "y": 6, "width": 12, "height": 6, "properties": shown}


def body(*widgets: Any, **more: Any) -> str:
    return json.dumps({"widgets": list(widgets), **more})


GOOD = body(
    widget(
        metrics=[
            ["AWS/States", "ExecutionsFailed", "StateMachineArn", "a", {"stat": "Sum"}],
            ["...", "b", {"yAxis": "right"}],
            [".", "ExecutionsStarted", ".", "."],
            [{"expression": "m1 + m2", "label": "all", "id": "e1"}],
        ],
        view="singleValue",
        period=300,
    ),
    {**widget(), "properties": {"region": "eu-west-1", "annotations": {"alarms": ["arn"]}}},
    {"type": "text", "properties": {"markdown": "# Title"}},
    {"type": "alarm", "properties": {"alarms": ["arn:a", "arn:b"], "title": "Alarms"}},
    {"type": "log", "properties": {"query": "SOURCE 'a'", "region": "eu-west-1"}},
    start="-PT3H",
    periodOverride="inherit",
)


def test_a_dashboard_is_kept_listed_and_deleted(aws: Aws) -> None:
    watch, name = aws.client("cloudwatch"), unique("board")
    for text in (body(), GOOD):  # the second is in the place of the first
        assert watch.put_dashboard(DashboardName=name, DashboardBody=text)
    found = watch.get_dashboard(DashboardName=name)
    assert found["DashboardBody"] == GOOD
    arn = f"arn:aws:cloudwatch::{aws.context.account}:dashboard/{name}"
    assert found["DashboardArn"] == arn
    (entry,) = watch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]
    assert (entry["DashboardArn"], entry["Size"]) == (arn, len(GOOD))
    with pytest.raises(ClientError, match="none does not exist"):
        watch.delete_dashboards(DashboardNames=[name, "none"])
    assert watch.get_dashboard(DashboardName=name)  # none is deleted if one is not there
    watch.delete_dashboards(DashboardNames=[name])
    with pytest.raises(ClientError) as refused:
        watch.get_dashboard(DashboardName=name)
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"


def test_a_body_that_is_none_is_refused_in_aws_words(aws: Aws) -> None:
    watch = aws.client("cloudwatch")
    broken = body({"type": "metric", "properties": {"metrics": []}})
    with pytest.raises(ClientError, match="there are 1 validation errors") as refused:
        watch.put_dashboard(DashboardName="broken", DashboardBody=broken)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterInput"
    assert '"dataPath": "/widgets/0/properties/region"' in str(refused.value)


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("{", "", "valid JSON"),
        ("[]", "", "Should be object"),
        ("{}", "/widgets", "Should be array"),
        (body(1), "/widgets/0", "Should be object"),
        (body(color="red"), "/color", "color is not supported"),
        (body(*[widget()] * 501), "/widgets", "more than 500 items"),
        (body(*[widget(metrics=[["A", "B"]] * 500)] * 6), "/widgets", "more than 2500 metrics"),
        (body({**widget(), "x": 24}), "/widgets/0/x", "from 0 to 23"),
        (body({**widget(), "width": "12"}), "/widgets/0/width", "whole number from 1 to 24"),
        (body({"type": "text", "x": 0, "properties": {"markdown": ""}}), "/widgets/0", "together"),
        (body({**widget(), "type": "explorer"}), "/widgets/0/type", "explorer is not supported"),
        (body({"type": "text"}), "/widgets/0/properties", "Should be object"),
        (body(widget(query="x")), "/widgets/0/properties/query", "query is not supported"),
        (body(widget(view="3d")), "/widgets/0/properties/view", "the view 3d is not supported"),
        (body({"type": "alarm", "properties": {}}), "/widgets/0/properties/alarms", "required"),
        (body(widget(metrics=[["A"]])), "/widgets/0/properties/metrics/0", "array of strings"),
        (body(widget(metrics=[["A", "B", "C"]])), "/widgets/0/properties/metrics/0", "strings"),
        (body(widget(metrics=["A"])), "/widgets/0/properties/metrics/0", "Should be array"),
        (body(widget(metrics=[[{"stat": "Sum"}]])), "/widgets/0/properties/metrics/0", "strings"),
    ],
)
def test_what_is_wrong_with_a_body_is_told_by_its_place(text: str, path: str, words: str) -> None:
    with pytest.raises(AwsError) as refused:
        check(text)
    told = json.loads(str(refused.value).partition("errors:\n")[2])
    assert (path, True) in {(each["dataPath"], words in each["message"]) for each in told}


def test_a_good_body_is_good() -> None:
    check(GOOD)
