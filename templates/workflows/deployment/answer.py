"""Deployment: one golden request. Is its answer right?

That is one prediction, of the class that is expected and with as many probabilities, in time. While
two versions serve, an answer is judged only where it says that it comes from the new one; once that
serves alone, whatever an answer says of its version.
"""

from awacs import sagemaker
from troposphere import Ref

from templates.kit.iam import allow, arn
from templates.parts.alarms import WRONG_ANSWERS
from templates.workflows.language import (
    Step,
    all_of,
    any_of,
    catch,
    choose,
    compares,
    end,
    equals,
    fail,
    matches,
    present,
    put,
    task,
    when,
)

# Serverless Inference, SageMaker Developer Guide: a cold start, which is the longer the larger the
# image. So often is waited for the seconds that an answer may take
MOST_STARTS = 5

_ANSWER, _COUNT = "$.answer", "$.count"
_PREDICTION, _CLASS = f"{_ANSWER}.document.predictions[0]", f"{_COUNT}.classes[0]"
_EXPECTED = "$.request.expected.classes"


def ask_one() -> list[Step]:
    """Of what a round gives it (golden.py). What is wrong is told in one sentence, which is never
    long: an answer may be."""
    version = f"{_ANSWER}.by[0]"
    ours = all_of(present(version), compares(version, "StringEqualsPath", "$.version"))
    right = all_of(
        present(_PREDICTION),
        present(_CLASS),
        compares(_CLASS, "IsNumeric", True),
        compares(_CLASS, "NumericEqualsPath", _EXPECTED),
        {"Not": present(f"{_COUNT}.classes[1]")},
        compares(f"{_COUNT}.probabilities", "NumericEqualsPath", f"{_COUNT}.expected"),
    )
    wrong = _say(
        "SayWrong",
        "expected was one prediction, of class {} with {} probabilities; in the answer are the "
        "classes {} and {} probabilities",
        _EXPECTED,
        f"{_COUNT}.expected",
        f"States.JsonToString({_COUNT}.classes[0:3])",
        f"{_COUNT}.probabilities",
    )
    asked = "Asked"
    return [
        task(
            "Ask",
            "aws-sdk:sagemakerruntime:invokeEndpoint",
            {
                "EndpointName": "${ProjectName}",
                "ContentType.$": "$.contentType",
                "Accept.$": "$.accept",
                "InferenceId.$": "States.Format('golden-{}', $.number)",
                "Body.$": "States.JsonToString($.request.body)",
            },
            grants=[
                allow(
                    "AskEndpoint",
                    [sagemaker.InvokeEndpoint],
                    [arn("sagemaker", "endpoint/${ProjectName}")],
                )
            ],
            tokens={"ProjectName": Ref("ProjectName")},
            at=_ANSWER,
            # Where a container adds nothing to its answers there are no CustomAttributes: only a
            # path that may find several finds none
            select={"document.$": "States.StringToJson($.Body)", "by.$": "$..CustomAttributes"},
            # An answer that no state can carry is not among States.ALL
            caught=[catch("MayBlame", error="States.DataLimitExceeded"), catch(_blame(asked))],
            seconds="$.seconds",
        ),
        put(
            "CountAnswer",
            _COUNT,
            {
                "classes.$": f"{_ANSWER}.document..classes",
                "probabilities.$": f"States.ArrayLength({_ANSWER}.document..probabilities[*])",
                "expected.$": "States.ArrayLength($.request.expected.probabilities[*])",
            },
        ),
        choose(
            "IsRight",
            when(right),
            when(any_of(ours, equals("$.alone", True)), [wrong]),
            otherwise=None,
        ),
        # Whoever asks for a list of answers gets small ones
        put(asked, None, {"number.$": "$.number"}),
        end("AskedWell"),
        fail("Wrong"),
    ]


def _blame(asked: str) -> list[Step]:
    """An error says nothing of the version it comes from. While two may serve, it is left to the
    alarms; so a version that is to replace one that fails is not blamed for it. What is serverless
    has to start first, and its first requests wait for that; where it has no place for one more,
    that is for its other requests (InvokeEndpoint, HTTP 429)."""
    starts = "$.starts.number"
    error, cause = "$.error.Error", "$.error.Cause"
    timeout, no_json = (equals(error, f"States.{name}") for name in ("Timeout", "IntrinsicFailure"))
    full = all_of(
        present(cause),
        {"Not": equals(error, "SageMakerRuntime.ModelErrorException")},
        any_of(
            matches(cause, "Rate exceeded*"),
            matches(cause, "*(Service: SageMakerRuntime, Status Code: 429*"),
            matches(error, "*ThrottlingException"),
        ),
    )
    return [
        choose(
            "MayBlame",
            when(equals("$.alone", False), asked),
            when(full, asked),
            when(
                all_of(
                    timeout,
                    equals("$.kind", "Serverless"),
                    compares(starts, "NumericLessThan", MOST_STARTS),
                ),
                [
                    put(
                        "LetItStart",
                        "$.starts",
                        {"number.$": f"States.MathAdd({starts}, 1)"},
                        then="Ask",
                    )
                ],
            ),
            when(
                all_of(present(cause), no_json),
                [_say("SayNoJson", "the answer is no JSON: {}", cause)],
            ),
            when(
                all_of(present(cause), {"Not": timeout}),
                [_say("SayFailed", "it failed: {}: {}", error, cause)],
            ),
            otherwise=[
                _say("SayNoAnswer", "no answer came within {} seconds ({})", "$.seconds", error)
            ],
        )
    ]


def _say(name: str, words: str, *values: str) -> Step:
    cause = f"States.Format('Golden request {{}}: {words}', $.number, {', '.join(values)})"
    return put(name, "$.error", {"Error": WRONG_ANSWERS, "Cause.$": cause}, then="Wrong")
