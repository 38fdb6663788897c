"""Which instance types have disks of their own, and so refuse a key for their volume."""

import fnmatch
from typing import Any

import botocore.session
from botocore.model import StringShape

from templates.workflows.disks import choose_key
from templates.workflows.language import put

# The SageMaker families whose storage is EBS only (Instance store specifications, EC2 Instance
# Types); c5n stands for c5n.large and all its sizes
EBS_ONLY = {
    *("c4", "c5", "c5n", "c6g", "c6gn", "c6i", "c6in", "c7g", "c7i", "c7i-flex", "c8g", "c8i"),
    *("c8i-flex", "inf1", "inf2", "m4", "m5", "m6g", "m6i", "m7i", "m7i-flex", "m8g", "m8i"),
    *("m8i-flex", "p2", "p3", "r5", "r6g", "r6i", "r7i", "r8g", "r8i", "r8i-flex", "t2", "t3"),
}
LOCAL_DISKS = {
    *("c5d", "c6gd", "dl1", "g4dn", "g5", "g6", "g6e", "g7", "g7e", "m5d", "m6gd", "p3dn", "p4d"),
    *("p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200", "r5d", "r6gd", "r7gd"),
    *("trn1", "trn1n", "trn2"),
}


def types() -> set[str]:
    """All that a training job or an endpoint can be given, as botocore knows them."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    found = set[str]()
    for name in ("TrainingInstanceType", "ProductionVariantInstanceType"):
        shape = model.shape_for(name)
        assert isinstance(shape, StringShape)
        found |= set(shape.enum)
    return found


def refuses_key(instance_type: str, rule: dict[str, Any]) -> bool:
    return any(fnmatch.fnmatchcase(instance_type, one["StringMatches"]) for one in rule["Or"])


def test_a_volume_key_is_left_out_for_each_family_with_disks_of_its_own() -> None:
    step = choose_key("ChooseKey", "$.type", [put("Named", "$.x", {})], [put("Left", "$.x", {})])
    (rule,) = step.state["Choices"]
    left_out = {name.split(".")[1] for name in types() if refuses_key(name, rule)}
    known = {name.split(".")[1] for name in types()}
    assert known == EBS_ONLY | LOCAL_DISKS, (
        "look up whether a new family has instance store volumes"
    )
    assert left_out == LOCAL_DISKS
