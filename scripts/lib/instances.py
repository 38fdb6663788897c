"""Which instance types SageMaker has for what, as botocore's model of its requests lists them."""

import difflib
import re

import botocore.session
from botocore.model import StringShape

# A parameter, the list that holds for it, and what its machines are for
USES = {
    "TrainingInstanceType": ("TrainingInstanceType", "training"),
    "EndpointInstanceType": ("ProductionVariantInstanceType", "endpoints"),
    "NotebookInstanceType": ("InstanceType", "notebooks"),
}


def unknown_type(parameter: str, value: str, pattern: str) -> str:
    """Why a value is no instance type for this parameter, or an empty text.

    The template cannot tell: AWS adds types more often than anybody deploys. What is proposed also
    follows the parameter's pattern.
    """
    if parameter not in USES:
        return ""
    name, use = USES[parameter]
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for(name)
    assert isinstance(shape, StringShape)
    if value in shape.enum:
        return ""
    usable = [one for one in shape.enum if re.fullmatch(pattern, one)]
    near = difflib.get_close_matches("ml." + value.lower().removeprefix("ml."), usable, 1)
    hint = f": did you mean {near[0]}? " if near else " "
    return (
        f"SageMaker has no such machine for {use}{hint}"
        f"(botocore {botocore.__version__} lists them; `make lock` takes a newer one)"
    )
