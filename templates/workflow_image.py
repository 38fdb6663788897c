"""Training, fourth part: which of the commit's two images serves the model?

The serving image has ONNX Runtime and no TensorFlow: it is for models that were converted. The
training image can serve any model.
"""

from templates.asl import Step


def image_steps() -> list[Step]:
    """From ChooseImage to Deploy."""
    converted = "$.metric.onnx[0]"
    return [
        Step(
            "ChooseImage",
            {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": converted, "IsPresent": True},
                            {"Variable": converted, "NumericEquals": 1},
                        ],
                        "Next": "UseServingImage",
                    }
                ],
                "Default": "UseTrainingImage",
            },
        ),
        _use("UseServingImage", "$.servingImage"),
        _use("UseTrainingImage", "$.trainingImage"),
    ]


def _use(name: str, image: str) -> Step:
    return Step(
        name, {"Type": "Pass", "InputPath": image, "ResultPath": "$.image", "Next": "Deploy"}
    )
