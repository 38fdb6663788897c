"""Write docs/parameters.md and the pictures of the workflows, from the generated template."""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cfn_flip
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from scripts.lib.pictures import picture

TEMPLATE, DOCS = Path("build/mlops.yaml"), Path("docs")
# Which properties cannot be changed in place is the same in every region
REGION = "us-east-1"

PARAMETERS = """\
# Parameters

Every choice that the stack offers, in the groups and the order of the CloudFormation console.
`make deploy PARAMS="Name=Value Name=Value"` sets some of them; the others stay what they are, at
first the default. What is not allowed is refused before anything changes. A later change replaces
no resource unless it is said here.

<!-- `make docs` writes this page; its words come from templates/choices.py -->
"""


def documents(text: str) -> dict[str, str]:
    """The generated files of docs/ by name, from the template's YAML."""
    template = cfn_flip.load(text)[0]
    found = {"parameters.md": parameters(template)}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            found[f"{_kebab(name)}.svg"] = workflow(name, resource["Properties"])
    return found


def parameters(template: Mapping[str, Any]) -> str:
    """The page of all parameters."""
    console = template["Metadata"]["AWS::CloudFormation::Interface"]
    lines = [PARAMETERS]
    for group in console["ParameterGroups"]:
        lines.append(f"## {group['Label']['default']}\n")
        lines.append("| parameter | what it is for, and what it may be | default |")
        lines.append("|---|---|---|")
        for name in group["Parameters"]:
            rule = template["Parameters"][name]
            label = console["ParameterLabels"][name]["default"]
            uses = " ".join([rule["Description"], _allowed(name, rule), *_later(template, name)])
            lines.append(f"| {label}<br>`{name}` | {_cell(uses)} | {_default(rule)} |")
        lines.append("")
    return "\n".join(lines)


def workflow(name: str, properties: Mapping[str, Any]) -> str:
    """The picture of a state machine."""
    tokens = properties["DefinitionSubstitutions"].items()
    # A task's ARN differs from one partition to the next, so it is always an Fn::Sub of one text
    calls = {
        token: value["Fn::Sub"] for token, value in tokens if isinstance(value.get("Fn::Sub"), str)
    }
    return picture(name, _told_once(json.loads(properties["DefinitionString"])), calls)


def _told_once(level: dict[str, Any]) -> dict[str, Any]:
    """Without the second states of calls that may have to be made again: each is a call that stands
    there already, and a choice before it, which is told with the call."""
    again = {f"{name}Again" for name in level["States"]} & level["States"].keys()
    asked = {
        name: state["Default"]
        for name, state in level["States"].items()
        if state["Type"] == "Choice" and {rule["Next"] for rule in state["Choices"]} <= again
    }
    states = {}
    for name, state in level["States"].items():
        if name in again or name in asked:
            continue
        if "ItemProcessor" in state:
            state = {**state, "ItemProcessor": _told_once(state["ItemProcessor"])}
        if "Catch" in state:
            rules = [
                {**rule, "Next": asked.get(rule["Next"], rule["Next"])} for rule in state["Catch"]
            ]
            state = {**state, "Catch": rules}
        states[name] = state
    return {**level, "States": states}


def _allowed(name: str, rule: Mapping[str, Any]) -> str:
    if "AllowedValues" in rule:
        return f"One of {', '.join(f'`{value}`' for value in rule['AllowedValues'])}."
    return str(rule["ConstraintDescription"]).replace(f"{name} must", "Must", 1)


def _default(rule: Mapping[str, Any]) -> str:
    if "Default" not in rule:
        return "none: `make deploy` gives it"
    return f"`{rule['Default']}`" if rule["Default"] != "" else "empty"


def _later(template: Mapping[str, Any], parameter: str) -> Iterator[str]:
    """What a later change of the parameter replaces, as the resource types' schemas have it."""
    replaced = [
        f"`{name}`" + (" (the old one stays)" if _is_kept(resource) else "")
        for name, resource in template["Resources"].items()
        if any(parameter in _named(value) for value in _fixed(resource))
    ]
    if replaced:
        yield f"A later change replaces {', '.join(replaced)}."


def _is_kept(resource: Mapping[str, Any]) -> bool:
    return resource.get("UpdateReplacePolicy") == "Retain"


def _fixed(resource: Mapping[str, Any]) -> Iterator[Any]:
    """The values of a resource's properties that cannot be changed without a new resource."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource["Type"]).schema
    for path in schema.get("createOnlyProperties", []):
        value: Any = resource.get("Properties", {})
        for key in path.split("/")[2:]:
            value = value.get(key) if isinstance(value, Mapping) else None
        yield value


def _named(value: Any) -> set[str]:
    """The names that a value refers to, by Ref or in the text of Fn::Sub."""
    return set(re.findall(r'(?:"Ref": "|\$\{)(\w+)', json.dumps(value)))


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.docs", description=__doc__)
    parser.parse_args(argv)
    for name, text in documents(TEMPLATE.read_text(encoding="utf-8")).items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"wrote {DOCS / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
