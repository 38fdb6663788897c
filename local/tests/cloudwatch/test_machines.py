"""What workflows do with metrics and alarms: by the SDK's integrations, with the machine's role."""

import json

from local.tests.cloudwatch.watching import DIMENSIONS, Watch
from local.tests.machines import run, task


def test_a_workflow_publishes_and_asks_which_alarms_ring(watch: Watch) -> None:
    name, silent = watch.put(), watch.put(Threshold=5)
    role = watch.aws.role("states")
    datum = {"MetricName": "Errors", "Value": 1, "Dimensions": DIMENSIONS}
    told = run(
        watch.aws,
        role,
        task(
            "aws-sdk:cloudwatch:putMetricData",
            {"Namespace": watch.namespace, "MetricData": [datum]},
            Next="S1",
        ),
        {"Type": "Wait", "Seconds": 2, "Next": "S2"},
        task(
            "aws-sdk:cloudwatch:describeAlarms",
            {"AlarmNames": [name, silent], "StateValue": "ALARM"},
            ResultSelector={"names.$": "$.MetricAlarms[*].AlarmName"},
        ),
    )
    assert told["status"] == "SUCCEEDED", told
    assert json.loads(told["output"]) == {"names": [name]}


def test_a_workflow_sets_a_state_only_of_the_alarms_that_its_role_may(watch: Watch) -> None:
    mine, other = watch.put(), watch.put()
    arn = watch.alarm(mine)["AlarmArn"]
    set_state = {"Effect": "Allow", "Action": "cloudwatch:SetAlarmState", "Resource": arn}
    role = watch.aws.role("states", may=[set_state])
    for name, status in ((mine, "SUCCEEDED"), (other, "FAILED")):
        asked = {"AlarmName": name, "StateValue": "ALARM", "StateReason": "a drill"}
        told = run(watch.aws, role, task("aws-sdk:cloudwatch:setAlarmState", asked))
        assert told["status"] == status, told
    assert told["error"] == "CloudWatch.CloudWatchException"
    assert "not authorized to perform: cloudwatch:SetAlarmState on resource: arn" in told["cause"]
