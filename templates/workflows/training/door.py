"""Training, first part: one door for whatever asks for a model, and one run at a time.

A push brings what its Build stage made: images, hyperparameters. Data, a schedule, drift and a
person bring only who they are, and nothing is built anew for them: a person trains what the newest
push has built; the others what has last passed the gate, if anything has, since what was refused
would keep a model from being renewed.
What asks while another of these waits for its turn is answered by the same run: that run looks for
data and images when its turn has come, after whatever has asked meanwhile. So nothing that arrives
is lost, and five that arrive while one waits are one run.

An event may be delivered twice (Amazon EventBridge: at least once), and a mark of each that came is
kept for a while. Who waits has left a mark too, which the run takes away as its turn comes. All
marks are objects in S3, written only where there is none (conditional writes, S3 User Guide).
"""

from collections.abc import Sequence

from awacs import states

from templates.kit.grants import list_objects
from templates.kit.iam import allow, arn
from templates.kit.names import RETRAINING, SEEN_EVENTS
from templates.parts.storage import Storage
from templates.workflows import queue
from templates.workflows.failure import ABOUT, RUN, problem, say_about
from templates.workflows.language import (
    COUNT,
    EXPLAIN,
    FIRST_LOOK,
    NOTIFY,
    Below,
    ChoiceRule,
    State,
    Step,
    all_of,
    catch,
    check,
    choose,
    compares,
    end,
    equals,
    matches,
    present,
    put,
    task,
    when,
)
from templates.workflows.training import marks
from templates.workflows.training.triggers import MANIFEST

# Looks at who is first, and what they come to: five days. A training may take that long; it has
# 20,000 events then, of 25,000
_LOOKS = 930
# What a push gives for later runs, beside the rest of its input
KEPT = (
    "commit",
    "version",
    "trainingImage",
    "servingImage",
    "hyperparameters",
    "prepare",
    "tuning",
)
_ASKED = ("trigger.kind", "trigger.by", "trigger.id")
_WHO, _KIND_AND_BY = "asked for by {}: {}", "$.trigger.kind, $.trigger.by"
_MARK, _OTHER, _FOUND = "$.mark", "$.other", "$.newest"
_LAST_AT, NOBODY = "$.last", "nobody"
_GIVEN = "$.given"
_HOLDER, _MARK_MUST = (f"{_MARK}.document.{name}" for name in ("execution", "must"))
_NO_MARK = {"execution": NOBODY, "must": False}
# Whether there has to be a model, whatever the data is: all but a manifest ask for that
_MUST = "$.must"
_HAS_TO = f"{_MUST}.train"
# When its turn came: older than that is whoever came to the queue before
TURN = "$.turn"
_TRAINS, _KEY = "$.trigger.must", "$.look"
DATA, PERSON = "data", "person"


def come_in(storage: Storage, needed: Sequence[Step]) -> list[Step]:
    """Join who waits, or wait for the turn, and go on with all that a run needs; `needed` refuses
    an input that lacks some of it."""
    too_long = problem(
        "TurnDidNotCome",
        "States.Format('This training has waited for five days for its turn; first is now {} (see "
        "what it waits for, or stop it)', "
        f"{queue.FIRST})",
    )
    line = queue.Queue(f"{RETRAINING}queue.json", "training", storage, _LOOKS)
    newest = _keep("KeepNewest", marks.NEWEST, storage, [catch(EXPLAIN)])
    asked = f"States.Format('Commit {{}} ({_WHO})', $.commit, {_KIND_AND_BY})"
    return [
        # Until its commit is known, a notice names the run
        say_about("NameRun", RUN),
        choose("IsAsked", when(_is_asked(), _ask(storage)), otherwise=None),
        put("CountFromFirst", COUNT, FIRST_LOOK),
        *queue.take_turn(line, too_long),
        choose("TakesNewest", when(_is_asked(), _take_newest(storage)), otherwise=None),
        put("NoteTurn", TURN, {"at.$": "$$.State.EnteredTime"}),
        *needed,
        say_about("NameCommit", asked),
        choose("IsNewest", when(_is_asked()), otherwise=[newest]),
    ]


def refuse_unchanged(storage: Storage, manifest: str) -> list[Step]:
    """Where only manifests have asked, and the last model of this commit was trained on what this
    one names. `manifest` is a list of its SHA-256, or an empty one: then it is trained."""
    trained, now = f"{_LAST_AT}.document", f"{_GIVEN}.manifest[0]"
    same = all_of(
        present(f"{trained}.commit"),
        present(f"{trained}.manifest[0]"),
        present(now),
        compares(f"{trained}.commit", "StringEqualsPath", "$.commit"),
        compares(f"{trained}.manifest[0]", "StringEqualsPath", now),
    )
    told = put(
        "SayUnchanged",
        None,
        {"trained": "nothing: the data is what the last model of this commit was trained on"},
    )
    only_data = all_of(
        equals("$.trigger.kind", DATA),
        present("$.trigger.must"),
        equals("$.trigger.must", False),
    )
    asked = [
        marks.read("ReadLast", {"Key": marks.LAST}, storage, _LAST_AT, [catch(None, at=_LAST_AT)]),
        choose("IsUnchanged", when(same, [told, end("Unchanged")]), otherwise=None),
    ]
    return [
        put("NoteData", _GIVEN, {"commit.$": "$.commit", "manifest.$": manifest}),
        choose("HasDataAsked", when(only_data, asked), otherwise=None),
    ]


def remember(storage: Storage) -> Step:
    """What was trained last. That it cannot be written costs a run more, and is no failure."""
    return marks.write(
        "RememberTrained",
        {"Key": marks.LAST, "Body.$": _GIVEN},
        storage,
        [catch(None, at=marks.WRITTEN)],
    )


def _is_asked() -> ChoiceRule:
    """By whoever brings no image."""
    return all_of(
        present("$$.Execution.Input.trigger"), {"Not": present("$$.Execution.Input.trainingImage")}
    )


def _ask(storage: Storage) -> list[Step]:
    refuse = problem(
        "RefuseAsking",
        f"The input must have {', '.join(_ASKED)}, or be workflow.json of the Build stage",
        "InvalidInput",
    )
    came = put("SayCameBefore", None, {"trained": "nothing: this event came before"})
    event = f"States.Format('{SEEN_EVENTS}{{}}/{{}}', $.trigger.kind, $.trigger.id)"
    # Of a write whose answer was lost the second try is refused
    read = marks.read("ReadEvent", {"Key.$": event}, storage, _OTHER, [catch(EXPLAIN)])
    own = choose("IsEventMine", when(marks.mine(_OTHER), "OpenMark"), otherwise=None)
    return [
        check(
            "IsAskedWell",
            all_of(*(present(f"$.{path}") for path in _ASKED)),
            otherwise=[refuse],
        ),
        say_about(
            "NameAsker",
            f"States.Format('Run {{}} ({_WHO})', $$.Execution.Name, {_KIND_AND_BY})",
        ),
        choose(
            "WhoAsks",
            when(
                # What else data comes with says nothing of it
                all_of(equals("$.trigger.kind", DATA), matches("$.trigger.by", f"*/{MANIFEST}")),
                [put("MayFindItUnchanged", _MUST, {"train": False})],
            ),
            otherwise=[put("HasToTrain", _MUST, {"train": True})],
        ),
        marks.write(
            "NoteEvent",
            {
                "Key.$": event,
                "Body": {"execution.$": "$$.Execution.Id"},
                "IfNoneMatch": "*",
            },
            storage,
            marks.unless_there("IsNoted", [read, own, came, end("CameBefore")]),
        ),
        # An empty mark where there is none, so that reading needs no right to list the bucket
        marks.write(
            "OpenMark",
            {"Key": marks.WAITING, "Body": _NO_MARK, "IfNoneMatch": "*"},
            storage,
            [catch(None, error="S3.S3Exception", at=marks.WRITTEN), catch(EXPLAIN)],
        ),
        *_join(storage),
    ]


def _join(storage: Storage) -> list[Step]:
    """Somebody waits, if it still runs; else this run does, if no other is quicker."""
    joined = put("SayJoined", None, {"trained": "nothing: what waits will see it", "by.$": _HOLDER})
    executions = arn("states", "execution:${ProjectName}-training:*")
    status = f"{_OTHER}.status"
    unseen = catch(None, error="Sfn.ExecutionDoesNotExistException", at=_OTHER)
    describe = task(
        "DescribeOther",
        "aws-sdk:sfn:describeExecution",
        {"ExecutionArn.$": _HOLDER},
        grants=[allow("SeeOthers", [states.DescribeExecution], [executions])],
        at=_OTHER,
        select={"status.$": "$.Status"},
        caught=[unseen, catch(EXPLAIN)],
    )
    running = all_of(present(status), equals(status, "RUNNING"))
    asks_for_more = all_of(equals(_HAS_TO, True), equals(_MARK_MUST, False))
    tell = marks.write(
        "TellHolder",
        {
            "Key": marks.WAITING,
            "Body": {"execution.$": _HOLDER, "must": True},
            "IfMatch.$": f"{_MARK}.etag",
        },
        storage,
        marks.unless_there("IsHolderTold", "ReadMark"),
        then=joined.name,
    )
    is_waiting = choose(
        "IsOtherWaiting",
        when(all_of(running, asks_for_more), [tell]),
        when(running, [joined, end("Joined")]),
        otherwise="TakeMark",
    )
    return [
        marks.read("ReadMark", {"Key": marks.WAITING}, storage, _MARK, [catch(EXPLAIN)]),
        choose(
            "WaitsAnybody",
            when(marks.mine(_MARK), Below("TakeMark")),
            when({"Not": equals(_HOLDER, NOBODY)}, [describe, is_waiting]),
            otherwise=None,
        ),
        marks.write(
            "TakeMark",
            {
                "Key": marks.WAITING,
                "Body": {"execution.$": "$$.Execution.Id", "must.$": _HAS_TO},
                "IfMatch.$": f"{_MARK}.etag",
            },
            storage,
            marks.unless_there("IsMarkTaken", "ReadMark"),
        ),
    ]


def _take_newest(storage: Storage) -> list[Step]:
    none = problem(
        "NothingBuilt",
        "There is no image to train with yet: push a commit, or run the pipeline",
        then=NOTIFY,
    )
    # The first push takes whatever data is there
    early = put("SayTooEarly", None, {"trained": "nothing: the first push trains on this data"})
    forced = "$.force"
    take_away = marks.write(
        "TakeMarkAway",
        {"Key": marks.WAITING, "Body": _NO_MARK, "IfMatch.$": f"{_MARK}.etag"},
        storage,
        marks.unless_there("HasSomebodyJoined", "ReadOwnMark"),
    )
    return [
        put("TakeOwnMust", _TRAINS, _HAS_TO),
        marks.read("ReadOwnMark", {"Key": marks.WAITING}, storage, _MARK, [catch(EXPLAIN)]),
        # It is not, where it was taken away by a write whose answer was lost
        choose(
            "IsMarkMine",
            when(marks.mine(_MARK), [put("TakeMust", _TRAINS, _MARK_MUST), take_away]),
            otherwise=None,
        ),
        task(
            "FindNewest",
            "aws-sdk:s3:listObjectsV2",
            {"Bucket": "${ArtifactBucket}", "Prefix": f"{RETRAINING}newest", "MaxKeys": 2},
            # A listing tells what is absent from what is forbidden (GetObject, S3 API Reference)
            grants=list_objects("ListMarks", storage.artifacts, RETRAINING),
            tokens={"ArtifactBucket": storage.artifacts.ref()},
            at=_FOUND,
            select={"count.$": "$.KeyCount", "keys.$": "$..Key"},
        ),
        choose(
            "IsAnythingBuilt",
            when(compares(f"{_FOUND}.count", "NumericGreaterThan", 0)),
            when(equals("$.trigger.kind", DATA), [early, end("TooEarly")]),
            otherwise=[none],
        ),
        put("TakeGood", _KEY, {"key.$": f"{_FOUND}.keys[0]"}),
        choose(
            "IsPersonAsking",
            when(equals("$.trigger.kind", PERSON), [put("TakeLast", _KEY, {"key": marks.NEWEST})]),
            otherwise=None,
        ),
        marks.read("ReadNewest", {"Key.$": f"{_KEY}.key"}, storage, _FOUND, [catch(EXPLAIN)]),
        choose(
            "IsAskedToForce",
            when(all_of(present(f"{forced}.reason"), present(f"{forced}.by"))),
            otherwise=[put("NotForced", forced, {"reason": "", "by": ""})],
        ),
        put(
            "TakeNewest",
            None,
            {
                **{f"{name}.$": f"{_FOUND}.document.{name}" for name in KEPT},
                "trigger.$": "$.trigger",
                "force.$": forced,
                "about.$": ABOUT,
            },
        ),
    ]


def keep_good(storage: Storage) -> Step:
    """What has passed the gate is what is trained again by itself; a person takes what is newest,
    to mend it. That it cannot be written is no reason to lose a model."""
    return _keep("KeepGood", marks.GOOD, storage, [catch(None, at=marks.WRITTEN)])


def _keep(name: str, key: str, storage: Storage, caught: Sequence[State]) -> Step:
    body = {f"{name}.$": f"$.{name}" for name in KEPT}
    return marks.write(name, {"Key": key, "Body": body}, storage, caught)
