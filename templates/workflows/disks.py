"""The key of the disks of instances, where it may be named."""

from collections.abc import Sequence

from templates.workflows.language import Step, any_of, choose, matches, when


def choose_key(
    name: str, instance_type: str, named: Sequence[Step], left_out: Sequence[Step]
) -> Step:
    """Name the stack's key, but for instance types with local NVMe disks, which refuse one.

    "You can't request a VolumeKmsKeyId when using an instance type with local storage"
    (ResourceConfig; the same of KmsKeyId in CreateEndpointConfig, SageMaker API Reference). The
    disks are encrypted by hardware. Families: Instance store specifications, EC2 Instance Types.
    """
    families = ("*d", "*dn", "*de", "dl1", "g*", "p4*", "p5*", "p6*", "trn*")
    local = any_of(*(matches(instance_type, f"ml.{family}.*") for family in families))
    return choose(
        name,
        when(local, left_out),
        otherwise=named,
        comment="Local disks are encrypted by hardware and refuse a key",
    )
