"""The page of the console: nothing on it is empty for ever."""

import json
from typing import Any

from tests.templates.reading import of_type, walk

Template = dict[str, Any]
# What is published, and under which dimensions: AWS's own by the guides of the services (local/
# publishes these too), the project's by its workflows
PUBLISHED = {
    ("AWS/SageMaker", "Invocations"): {"EndpointName", "VariantName"},
    ("AWS/SageMaker", "Invocation4XXErrors"): {"EndpointName", "VariantName"},
    ("AWS/SageMaker", "Invocation5XXErrors"): {"EndpointName", "VariantName"},
    ("AWS/SageMaker", "ModelLatency"): {"EndpointName", "VariantName"},
    ("AWS/CodeBuild", "SucceededBuilds"): {"ProjectName"},
    ("AWS/CodeBuild", "FailedBuilds"): {"ProjectName"},
    ("AWS/States", "ExecutionsFailed"): {"StateMachineArn"},
    ("AWS/States", "ExecutionTime"): {"StateMachineArn"},
    ("AWS/Billing", "EstimatedCharges"): {"Currency"},
}


def body(template: Template) -> tuple[dict[str, Any], dict[str, Any]]:
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    text, values = dashboard["DashboardBody"]["Fn::Sub"]
    condition, spend, nothing = values["Spend"]["Fn::If"]
    assert template["Conditions"][condition] == {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws"]}
    assert len(json.loads(text.replace("${Spend}", nothing))["widgets"]) >= 10
    return json.loads(text.replace("${Spend}", spend)), values


def metrics(template: Template) -> list[list[Any]]:
    widgets = body(template)[0]["widgets"]
    return [each for one in widgets for each in one["properties"].get("metrics", [])]


def test_every_metric_is_one_that_is_published(template: Template) -> None:
    own = {
        one["MetricName"]
        for machine in of_type(template, "AWS::StepFunctions::StateMachine").values()
        for task in walk(json.loads(machine["DefinitionString"]))
        if isinstance(task, dict) and "MetricData" in task
        for one in task["MetricData"]
    }
    assert own == {"WrongAnswers", "DriftScore", "Drifted", "Accuracy"}
    found = metrics(template)
    assert len(found) >= 15
    for namespace, name, *rest in found:
        dimensions = set(rest[:-1:2] if isinstance([name, *rest][-1], dict) else rest[::2])
        if namespace == "MLOps/${ProjectName}":
            assert (name in own, dimensions) == (True, set())
        else:
            assert dimensions == PUBLISHED[namespace, name], name


def test_every_workflow_and_every_alarm_is_on_the_page(template: Template) -> None:
    widgets, values = body(template)
    machines = {f"{title}" for title in of_type(template, "AWS::StepFunctions::StateMachine")}
    assert {value["Ref"] for value in values.values() if "Ref" in value} >= machines
    alarms = set(of_type(template, "AWS::CloudWatch::Alarm"))
    shown = {value["Fn::GetAtt"][0] for value in values.values() if "Fn::GetAtt" in value}
    assert shown == alarms
    (alarm,) = [one for one in widgets["widgets"] if one["type"] == "alarm"]
    assert len(alarm["properties"]["alarms"]) == len(alarms)
    assert len(json.dumps(widgets)) < 50_000
