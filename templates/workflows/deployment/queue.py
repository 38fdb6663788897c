"""Deployment, first part: one at a time, first come first served, whoever starts them.

The queue is an object in S3: the list of the executions that came, in their order. The first one
deploys. It is changed by conditional writes only (How to prevent object overwrites with conditional
writes, Amazon S3 User Guide), so that of two changes to the same list one is refused. Nobody leaves
the queue: the first one holds its place until it has ended, however it ends, and whoever waits for
it takes it out then.
"""

from awacs import kms, s3, states
from troposphere import Ref, Sub

from templates.kit.grants import use_key
from templates.kit.iam import allow, arn
from templates.parts.storage import Storage
from templates.workflows.failure import problem
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
    matches,
    present,
    put,
    task,
    wait_until,
    when,
)

# Looks at whoever is first, after 1, 2, 3 … seconds, and what they come to: about twelve hours,
# longer than one update may take. One look is less than 20 events of the 25,000 that an execution
# may have (Quotas, Step Functions Developer Guide)
_LOOKS = 300
LONGEST_WAIT_SECONDS = sum(range(1, _LOOKS + 1))

# `DescribeExecution` is eventually consistent (Step Functions API Reference): who has just started
# may not be found. Whoever stands before others came before them, so that after so many looks,
# about a minute, it has been there for longer than that, and is gone
_LOOKS_FOR_NEW = 10

_KEY = "deployments/queue.json"
_QUEUE, _NEXT, _WRITTEN, _HOLDER = "$.queue", "$.line", "$.written", "$.holder"
_FIRST, _ME = f"{_QUEUE}.line[0]", f"{_QUEUE}.me"


def take_turn(storage: Storage) -> list[Step]:
    """Stand in the queue, and go on as its first."""
    standing = f"{_QUEUE}.standing"
    join = put("JoinQueue", _NEXT, f"{_QUEUE}.longer[*][*]", then="WriteQueue")
    return [
        _open_queue(storage),
        _read_queue(storage),
        choose(
            "IsMyTurn",
            when(has_turn()),
            when(equals(standing, False), [join]),
            otherwise=_wait_for_first(storage),
        ),
        put("TakeTurn", COUNT, FIRST_LOOK),
    ]


def has_turn() -> ChoiceRule:
    """This execution is first in the queue, as it was last read."""
    return all_of(present(_FIRST), compares(_FIRST, "StringEqualsPath", _ME))


def _open_queue(storage: Storage) -> Step:
    """An empty queue where there is none, so that reading needs no right to list the bucket.

    A queue that is there is refused, with 412. Other refusals meet whoever reads or writes it.
    """
    return _put_queue(
        "OpenQueue", {"Body": [], "IfNoneMatch": "*"}, storage, refused=None, then=None
    )


def _read_queue(storage: Storage) -> Step:
    """The line, whether this execution stands in it, and the line that is longer by it."""
    line, me = "States.StringToJson($.Body)", "$$.Execution.Id"
    return task(
        "ReadQueue",
        "aws-sdk:s3:getObject",
        {"Bucket": "${ArtifactBucket}", "Key": _KEY},
        grants=[
            allow("ReadQueue", [s3.GetObject], [_object(storage)]),
            *use_key("DecryptObjects", storage.key, "s3", kms.Decrypt),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=_QUEUE,
        select={
            "etag.$": "$.ETag",
            "me.$": me,
            "line.$": line,
            "standing.$": f"States.ArrayContains({line}, {me})",
            "longer.$": f"States.Array({line}, States.Array({me}))",
        },
    )


def _wait_for_first(storage: Storage) -> list[Step]:
    """Until the first one has ended; then take it out, and see who is first now."""
    status = f"{_HOLDER}.status"
    looked = compares(f"{COUNT}.number", "NumericLessThanEquals", _LOOKS_FOR_NEW)
    too_long = problem(
        "TurnDidNotCome",
        "States.Format('This deployment has waited for twelve hours for its turn at the endpoint "
        "${ProjectName}; first is now {} (see what it waits for, or stop it; then deploy again)', "
        f"{_FIRST})",
        tokens={"ProjectName": Ref("ProjectName")},
    )
    take_out = put("TakeOutFirst", _NEXT, f"{_QUEUE}.line[1:]")
    return wait_until(
        _describe_first(),
        "IsFirstRunning",
        wait_name="WaitForTurn",
        count_name="CountTurn",
        busy=any_of(
            all_of(present(status), equals(status, "RUNNING")),
            all_of(compares(status, "IsPresent", False), looked),
        ),
        too_long=[too_long],
        otherwise=[take_out, _write_queue(storage)],
        looks=_LOOKS,
    )


def _describe_first() -> Step:
    """Has it ended? One that is not found may be new, or gone for long."""
    executions = arn("states", "execution:${ProjectName}-deployment:*")
    return task(
        "DescribeFirst",
        "aws-sdk:sfn:describeExecution",
        {"ExecutionArn.$": _FIRST},
        grants=[allow("SeeDeployments", [states.DescribeExecution], [executions])],
        at=_HOLDER,
        select={"status.$": "$.Status"},
        caught=[
            catch(None, error="Sfn.ExecutionDoesNotExistException", at=_HOLDER),
            catch(EXPLAIN),
        ],
    )


def _write_queue(storage: Storage) -> Step:
    """Only over the line that was read; else somebody was quicker, and it is read again."""
    cause = f"{_WRITTEN}.Cause"
    quicker = all_of(
        present(cause),
        any_of(matches(cause, "*Status Code: 412*"), matches(cause, "*Status Code: 409*")),
    )
    refused = choose(
        "IsQueueChanged",
        when(quicker, "ReadQueue"),
        otherwise=[put("KeepQueueError", "$.error", _WRITTEN, then=EXPLAIN)],
    )
    return _put_queue(
        "WriteQueue",
        {"Body.$": _NEXT, "IfMatch.$": f"{_QUEUE}.etag"},
        storage,
        refused=[refused],
        then="ReadQueue",
    )


def _put_queue(name: str, what: State, storage: Storage, refused: Way, then: Way) -> Step:
    """A conditional write. What it is refused with has no name of its own: 412, or 409 while
    another write is going on (PutObject, Amazon S3 API Reference). So it is read from the cause,
    and not tried again; a second call, made since S3 was ill or asked too often, may be: a line
    that has been changed never becomes what it was, so that it is refused in the end."""
    return task(
        name,
        "aws-sdk:s3:putObject",
        {"Bucket": "${ArtifactBucket}", "Key": _KEY, **what},
        grants=[
            allow("WriteQueue", [s3.PutObject], [_object(storage)]),
            *use_key("EncryptQueue", storage.key, "s3", kms.GenerateDataKey),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=_WRITTEN,
        caught=[catch(refused, error="S3.S3Exception", at=_WRITTEN), catch(EXPLAIN)],
        then=then,
    )


def _object(storage: Storage) -> Sub:
    return Sub(f"${{{storage.artifacts.title}.Arn}}/{_KEY}")
