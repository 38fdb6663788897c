"""A queue: one at a time, first come first served, whoever starts them.

It is an object in S3: the list of the executions that came, in their order. The first one works. It
is changed by conditional writes only (How to prevent object overwrites with conditional writes,
Amazon S3 User Guide), so that of two changes to the same list one is refused. Nobody leaves the
queue: the first one holds its place until it has ended, however it ends, and whoever waits for it
takes it out then.
"""

from dataclasses import dataclass

from awacs import kms, s3, states
from troposphere import Sub

from templates.kit.grants import use_key
from templates.kit.iam import allow, arn
from templates.parts.storage import Storage
from templates.workflows.conditional import refused
from templates.workflows.language import (
    COUNT,
    EXPLAIN,
    FIRST_LOOK,
    ChoiceRule,
    State,
    Step,
    Way,
    all_of,
    any_of,
    catch,
    choose,
    compares,
    equals,
    present,
    put,
    task,
    wait_until,
    when,
)

# `DescribeExecution` is eventually consistent (Step Functions API Reference): who has just started
# may not be found. Whoever stands before others came before them, so that after so many looks,
# about a minute, it has been there for longer than that, and is gone
_LOOKS_FOR_NEW = 10

_QUEUE, _NEXT, _WRITTEN, _HOLDER = "$.queue", "$.line", "$.written", "$.holder"
FIRST, _ME = f"{_QUEUE}.line[0]", f"{_QUEUE}.me"


@dataclass(frozen=True)
class Queue:
    """Of a workflow's executions: where it lies in the artifact bucket, and how the name of the
    state machine ends.

    `looks` at whoever is first are made after 1, 2, 3 … seconds. One is less than 20 events of the
    25,000 that an execution may have (Quotas, Step Functions Developer Guide).
    """

    key: str
    machine: str
    storage: Storage
    looks: int


def take_turn(queue: Queue, too_long: Step) -> list[Step]:
    """Stand in the queue, and go on as its first; or the way `too_long`, who is first at FIRST."""
    standing = f"{_QUEUE}.standing"
    join = put("JoinQueue", _NEXT, f"{_QUEUE}.longer[*][*]", then="WriteQueue")
    return [
        _open_queue(queue),
        _read_queue(queue),
        choose(
            "IsMyTurn",
            when(has_turn()),
            when(equals(standing, False), [join]),
            otherwise=_wait_for_first(queue, too_long),
        ),
        put("TakeTurn", COUNT, FIRST_LOOK),
    ]


def has_turn() -> ChoiceRule:
    """This execution is first in the queue, as it was last read."""
    return all_of(present(FIRST), compares(FIRST, "StringEqualsPath", _ME))


def _open_queue(queue: Queue) -> Step:
    """An empty queue where there is none, so that reading needs no right to list the bucket.

    A queue that is there is refused, with 412. Other refusals meet whoever reads or writes it.
    """
    return _put_queue(
        "OpenQueue", {"Body": [], "IfNoneMatch": "*"}, queue, otherwise=None, then=None
    )


def _read_queue(queue: Queue) -> Step:
    """The line, whether this execution stands in it, and the line that is longer by it."""
    line, me = "States.StringToJson($.Body)", "$$.Execution.Id"
    return task(
        "ReadQueue",
        "aws-sdk:s3:getObject",
        {"Bucket": "${ArtifactBucket}", "Key": queue.key},
        grants=[
            allow("ReadQueue", [s3.GetObject], [_object(queue)]),
            *use_key("DecryptObjects", queue.storage.key, "s3", kms.Decrypt),
        ],
        tokens={"ArtifactBucket": queue.storage.artifacts.ref()},
        at=_QUEUE,
        select={
            "etag.$": "$.ETag",
            "me.$": me,
            "line.$": line,
            "standing.$": f"States.ArrayContains({line}, {me})",
            "longer.$": f"States.Array({line}, States.Array({me}))",
        },
    )


def _wait_for_first(queue: Queue, too_long: Step) -> list[Step]:
    """Until the first one has ended; then take it out, and see who is first now."""
    status = f"{_HOLDER}.status"
    looked = compares(f"{COUNT}.number", "NumericLessThanEquals", _LOOKS_FOR_NEW)
    take_out = put("TakeOutFirst", _NEXT, f"{_QUEUE}.line[1:]")
    return wait_until(
        _describe_first(queue),
        "IsFirstRunning",
        wait_name="WaitForTurn",
        count_name="CountTurn",
        busy=any_of(
            all_of(present(status), equals(status, "RUNNING")),
            all_of(compares(status, "IsPresent", False), looked),
        ),
        too_long=[too_long],
        otherwise=[take_out, _write_queue(queue)],
        looks=queue.looks,
    )


def _describe_first(queue: Queue) -> Step:
    """Has it ended? One that is not found may be new, or gone for long."""
    executions = arn("states", f"execution:${{ProjectName}}-{queue.machine}:*")
    return task(
        "DescribeFirst",
        "aws-sdk:sfn:describeExecution",
        {"ExecutionArn.$": FIRST},
        grants=[allow("SeeOthers", [states.DescribeExecution], [executions])],
        at=_HOLDER,
        select={"status.$": "$.Status"},
        caught=[
            catch(None, error="Sfn.ExecutionDoesNotExistException", at=_HOLDER),
            catch(EXPLAIN),
        ],
    )


def _write_queue(queue: Queue) -> Step:
    """Only over the line that was read; else somebody was quicker, and it is read again."""
    changed = refused("IsQueueChanged", "ReadQueue", at=_WRITTEN, error="KeepQueueError")
    return _put_queue(
        "WriteQueue",
        {"Body.$": _NEXT, "IfMatch.$": f"{_QUEUE}.etag"},
        queue,
        otherwise=[changed],
        then="ReadQueue",
    )


def _put_queue(name: str, what: State, queue: Queue, otherwise: Way, then: Way) -> Step:
    """A conditional write. Where it is refused it is not tried again; a second call, made since S3
    was ill or asked too often, may be: a line that has been changed never becomes what it was, so
    that it is refused in the end."""
    return task(
        name,
        "aws-sdk:s3:putObject",
        {"Bucket": "${ArtifactBucket}", "Key": queue.key, **what},
        grants=[
            allow("WriteQueue", [s3.PutObject], [_object(queue)]),
            *use_key("EncryptObjects", queue.storage.key, "s3", kms.GenerateDataKey),
        ],
        tokens={"ArtifactBucket": queue.storage.artifacts.ref()},
        at=_WRITTEN,
        caught=[catch(otherwise, error="S3.S3Exception", at=_WRITTEN), catch(EXPLAIN)],
        then=then,
    )


def _object(queue: Queue) -> Sub:
    return Sub(f"${{{queue.storage.artifacts.title}.Arn}}/{queue.key}")
