"""Log groups: encrypted, and gone after the days that were chosen."""

from troposphere import Delete, Sub, Template
from troposphere.kms import Key
from troposphere.logs import LogGroup

from templates.parameters import Parameters


def add_log_group(
    template: Template,
    title: str,
    name: str,
    parameters: Parameters,
    key: Key,
    condition: str | None = None,
) -> LogGroup:
    """A log group; `name` may hold ${ProjectName}."""
    group = LogGroup(
        title,
        # The name is fixed: a group left behind would stop the next stack of this name
        DeletionPolicy=Delete,
        UpdateReplacePolicy=Delete,
        LogGroupName=Sub(name),
        KmsKeyId=key.get_att("Arn"),
        RetentionInDays=parameters.log_retention_days.ref(),
    )
    if condition:
        group.Condition = condition
    return template.add_resource(group)
