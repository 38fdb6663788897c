"""What CloudWatch is told of a request to an endpoint: for its variant, and for the configuration
that has answered (Developer Guide, "Amazon SageMaker AI metrics in Amazon CloudWatch", endpoint
invocation metrics; EndpointConfigName: "Auto-rollback configuration and monitoring").
"""

from local.cloudwatch.metrics import record
from local.sagemaker.fleet import Fleet

NAMESPACE = "AWS/SageMaker"


def publish(fleet: Fleet, status: int | None, model: float, seconds: float) -> None:
    """The model's answer, if there was one, after so many seconds; the whole took `seconds`.

    A serverless endpoint has only some of them (Developer Guide, "Alarms and logs for tracking
    metrics from serverless endpoints").
    """
    answered = status or 0
    values = {
        "Invocations": 1.0,
        "Invocation4XXErrors": float(400 <= answered < 500),
        "Invocation5XXErrors": float(500 <= answered < 600),
    }
    if not fleet.serverless:
        values["InvocationModelErrors"] = float(not 200 <= answered < 300)
        values["InvocationsPerInstance"] = 1 / fleet.count
    if status is not None:
        values["ModelLatency"] = model * 1e6
        values["OverheadLatency"] = (seconds - model) * 1e6
    variant = {"EndpointName": fleet.endpoint, "VariantName": fleet.name}
    config = {"EndpointConfigName": fleet.config["EndpointConfigName"]}
    for dimensions in (variant, variant | config):
        for name, value in values.items():
            unit = "Microseconds" if name.endswith("Latency") else "None"
            record(NAMESPACE, name, dimensions, value, unit)
