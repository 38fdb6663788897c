"""How definitions are read: once, and with the words of each, as moto's parser does it slowly."""

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

from antlr4 import CommonTokenStream, InputStream, ParserRuleContext, RuleContext
from moto.stepfunctions.parser.asl.antlr.runtime.ASLLexer import ASLLexer
from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from local.stepfunctions import reading
from local.tests.aws import Aws
from local.tests.machines import create, ended, start

EVERY_KIND = {
    "StartAt": "Lay",
    "States": {
        "Lay": {
            "Type": "Pass",
            "Result": {"a": {"b": [1]}},
            "ResultPath": "$.laid",
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "ItemsPath": "$.given",
            "ItemSelector": {"it.$": "States.Format('{}', $$.Map.Item.Value)"},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "Call",
                "States": {
                    "Call": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
                        "Parameters": {"QueueName.$": "$.it"},
                        "Retry": [
                            {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 1}
                        ],
                        "Catch": [
                            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.no", "Next": "Lost"}
                        ],
                        "ResultPath": "$.found",
                        "End": True,
                    },
                    "Lost": {"Type": "Pass", "End": True},
                },
            },
            "ResultPath": "$.laid.a.each",
            "Next": "Both",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": name, "States": {name: {"Type": "Wait", "Seconds": 0, "End": True}}}
                for name in ("One", "Other")
            ],
            "ResultSelector": {"one.$": "$[0].laid"},
            "Next": "Which",
        },
        "Which": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.one.a.b[0]", "NumericEquals": 1, "Next": "Well"}],
            "Default": "Ill",
        },
        "Well": {"Type": "Succeed"},
        "Ill": {"Type": "Fail", "Error": "Ill"},
    },
}


def laid_out(step: Any) -> Any:
    """All that a step of a definition holds, and those in it."""
    if isinstance(step, dict):
        return {str(name): laid_out(each) for name, each in step.items()}
    if isinstance(step, list | tuple | set | frozenset):
        return [laid_out(each) for each in step]
    if type(step).__module__.startswith(("moto.", "local.")) and not isinstance(step, Enum):
        return type(step).__name__, laid_out(vars(step))
    return repr(step)


def test_running_a_definition_changes_none_of_its_steps(aws: Aws) -> None:
    """So that all its executions may have the same ones."""
    definition = json.dumps(EVERY_KIND)
    steps = AmazonStateLanguageParser.parse(definition)[0]
    before = laid_out(steps)
    machine = create(aws, aws.role("states"), definition)
    outputs = [
        ended(aws, start(aws, machine, {"given": given}))["output"] for given in ([1, 2], [], [3])
    ]
    found = [[each["it"] for each in json.loads(one)["one"]["a"]["each"]] for one in outputs]
    assert found == [["1", "2"], [], ["3"]]
    assert AmazonStateLanguageParser.parse(definition)[0] is steps
    assert laid_out(steps) == before


def slowly(definition: str) -> Any:
    """The tree that moto's parser makes of a definition, in its own way."""
    return ASLParser(CommonTokenStream(ASLLexer(InputStream(definition)))).state_machine()


def test_definitions_that_differ_in_names_have_each_its_own_steps(aws: Aws) -> None:
    for name in ("Lay", "Put", "Lay"):
        definition = json.dumps(EVERY_KIND).replace("Lay", name)
        steps = AmazonStateLanguageParser.parse(definition)[0]
        assert laid_out(steps) == laid_out(Preprocessor().visit(slowly(definition))), name
        reading.forget(definition)  # else the third would be the first


def test_a_definition_that_is_asked_for_again_and_again_is_kept(aws: Aws) -> None:
    def steps(name: str) -> Any:
        definition = {"StartAt": name, "States": {name: {"Type": "Succeed"}}}
        return AmazonStateLanguageParser.parse(json.dumps(definition))[0]

    often = steps("Often")
    for number in range(reading.MOST + 1):
        steps(f"Once{number}")
        assert steps("Often") is often
    assert len(reading._read) == reading.MOST


def test_the_text_of_a_node_is_that_of_all_below_it(aws: Aws) -> None:
    def nodes(node: Any) -> Iterator[Any]:
        if isinstance(node, ParserRuleContext):
            yield node
            for each in node.getChildren():
                yield from nodes(each)

    for node in nodes(slowly(json.dumps(EVERY_KIND, indent=1)).program_decl()):
        assert node.getText() == RuleContext.getText(node)
