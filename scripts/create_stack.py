"""Create or update the stack from the uploaded template, by a change set that is shown first."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.create_stack")

import argparse
import difflib
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from scripts.lib import changes, operations, stacks
from scripts.lib.bootstrap import (
    CODE,
    SEED,
    TEMPLATE,
    bootstrap_name,
    metadata,
    read_template,
    template_key,
    template_url,
)
from scripts.lib.console import Console
from scripts.lib.fitting import check_budget, check_counts, check_kind, check_monitoring
from scripts.lib.guard import guarded
from scripts.lib.instances import unknown_type
from scripts.lib.inventory import repository_name, take
from scripts.lib.problems import FAILED, Problem, make, overridden
from scripts.lib.session import Clients, add_role_argument, add_session_arguments, connect

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

# The outputs that a person uses; pages of the console lead nowhere on another endpoint
SHOWN = ("RepositoryCloneUrl", "EndpointName", "DataUri")
RENAMED = "PARAMS='ProjectName=<name>'"
PAGES = ("PipelineUrl", "TrainingWorkflowUrl", "EndpointUrl")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.create_stack", description=__doc__)
    add_session_arguments(parser)
    add_role_argument(parser)
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="Key=Value", help="may be repeated"
    )
    parser.add_argument("--parameters", default="", help="several: 'Key=Value Key=Value'")
    parser.add_argument("--yes", action="store_true", help="delete a failed creation's remains")
    parser.add_argument(
        "--allow-replacement", action="store_true", help="replace resources that hold data"
    )
    parser.add_argument(
        "--check", action="store_true", help="only look whether parameters and credentials are good"
    )
    args = parser.parse_args(argv)

    def work() -> int:
        try:
            given = parse_parameters(args.parameter + shlex.split(args.parameters))
        except ValueError as error:
            raise Problem(f"PARAMS={args.parameters} cannot be read: {error}") from None
        template = read_template(TEMPLATE)
        declared = declared_parameters(template)
        check_parameters(given, declared)  # before any call to AWS
        clients = connect(args.region, args.profile)
        check_stack(clients, args.stack, given, declared)
        if args.check:
            return 0
        return deploy(
            clients,
            args.stack,
            given,
            Console(),
            template=template,
            yes=args.yes,
            allow_replacement=args.allow_replacement,
            role=args.role,
        )

    return guarded(
        work,
        f"The stack goes on in AWS; look again with {make('create-stack', args.stack)}.",
    )


def deploy(
    clients: Clients,
    stack: str,
    given: Mapping[str, str],
    console: Console,
    *,
    template: str,
    yes: bool = False,
    allow_replacement: bool = False,
    brief: bool = False,
    role: str = "",
) -> int:
    """Bring the stack to the template; answers the exit code. `brief`: not what to do next."""
    declared = declared_parameters(template)
    bucket, url = uploaded(clients, stack, template)
    existing = operations.settle(clients.cloudformation, stack, console, yes)
    wanted = {"BootstrapBucket": bucket, "CodeKey": CODE, "SeedDataPrefix": SEED, **given}
    if existing is None:
        wanted = {"ProjectName": stack, **wanted}
        kept = in_the_way(clients, wanted["ProjectName"])
        if kept:
            raise Problem(way_out(clients, f"{' and '.join(kept)} already exists", stack), FAILED)
    previous = stacks.parameters(existing) if existing else None
    change = changes.prepare(
        clients.cloudformation,
        stack,
        existing is None,
        {"TemplateURL": url},
        for_change_set(wanted, declared, previous),
        role,
    )
    if change is None:
        console.line(f"Stack {stack} is up to date: no changes.", "green")
        return 0
    changes.show(console, change.changes)
    lost = [one.logical for one in change.changes if one.loses_data]
    if lost and not allow_replacement:
        changes.discard(clients.cloudformation, change)
        raise Problem(
            f"refused: {', '.join(lost)} would lose data; if that is meant, `.venv/bin/python -m "
            f"scripts.create_stack --stack {stack} --allow-replacement` with the same --parameters",
            FAILED,
        )
    status, watch = operations.run(clients.cloudformation, change, console)
    if status not in operations.GOOD:
        console.line(f"Stack {stack} failed ({status}). The first failure:", "red")
        console.paragraph(operations.cause(watch))
        if re.search("already exists|exists:", operations.cause(watch)):
            console.paragraph(name_taken(clients, operations.cause(watch), stack, existing is None))
        return FAILED
    outputs = stacks.required_outputs(clients.cloudformation, stack)
    show_outputs(outputs, console)
    if not brief:
        show_next(outputs, stack, console, new=existing is None)
    return 0


def uploaded(clients: Clients, stack: str, template: str) -> tuple[str, str]:
    """The bootstrap bucket and the template's address in it; the upload must have happened."""
    hint = f"run {make('upload', stack)} first"
    found = stacks.describe(clients.cloudformation, bootstrap_name(stack))
    bucket = stacks.outputs(found).get("Bucket") if found else None
    if not bucket:
        raise Problem(f"there is no bootstrap bucket for {stack}: {hint}")
    key = template_key(template)
    for needed in (key, CODE):
        if metadata(clients.s3, bucket, needed) is None:
            raise Problem(f"{needed} is not in {bucket}: {hint}")
    return bucket, template_url(bucket, key, clients.region, clients.partition)


def in_the_way(clients: Clients, project: str) -> list[str]:
    """Repositories named like the project that an earlier stack kept: a creation would collide."""
    found: list[str] = []
    try:
        clients.codecommit.get_repository(repositoryName=project)
        found.append(f"CodeCommit repository {project}")
    except clients.codecommit.exceptions.RepositoryDoesNotExistException:
        pass
    try:
        clients.ecr.describe_repositories(repositoryNames=[project])
        found.append(f"ECR repository {project}")
    except clients.ecr.exceptions.RepositoryNotFoundException:
        pass
    return found


def way_out(clients: Clients, what: str, stack: str) -> str:
    """What a person can do about a name that a new stack needs and that is taken.

    `destroy` removes what stacks of this name left, with all that it holds, and nothing else.
    """
    another = f"choose another name: {make('deploy', stack, RENAMED)}"
    if any(is_named(name, what) for name in left_names(clients, stack)):
        return (
            f"{what}: an earlier stack left it. {make('destroy', stack)} removes it, with all that "
            f"it holds, and asks first; or {another}"
        )
    return f"{what}, and no stack {stack} made it: {another}"


def name_taken(clients: Clients, reason: str, stack: str, new: bool) -> str:
    """What to do where an operation failed because a name is taken."""
    if new:
        return way_out(clients, reason, stack)
    # Another ProjectName would replace what holds the data of this stack
    return f"Remove or rename what has that name, then {make('deploy', stack)}"


def left_names(clients: Clients, stack: str) -> list[str]:
    """The names of what stacks of this name left, which `destroy` removes."""
    found = take(clients, stack)
    names = [one.physical for one in (*found.data, *found.remade)]
    kept = [one.physical for one in found.data if one.type == "AWS::CodeCommit::Repository"]
    return names + [repository_name(clients, one) for one in kept]


def is_named(name: str, text: str) -> bool:
    """Whether a text has the name as a word: `mlops` is not named where `mlops-push` is."""
    return re.search(rf"(?<![\w/-]){re.escape(name)}(?![\w/-])", text) is not None


def show_outputs(known: Mapping[str, str], console: Console) -> None:
    """The outputs that a person uses, as two columns."""
    console.line("Outputs", "bold")
    names = [name for name in SHOWN + (() if overridden() else PAGES) if name in known]
    for name in names:
        console.line(f"  {name.ljust(max(map(len, names)))}  {known[name]}")


def show_next(known: Mapping[str, str], stack: str, console: Console, *, new: bool) -> None:
    """What to do with the stack now."""
    console.line(f"All outputs: `aws cloudformation describe-stacks --stack-name {stack}`")
    if not new:
        console.line(f"Counts for what starts from now on: push, or {make('train', stack)}.")
        return
    console.line("The first pipeline execution has started:")
    console.line(f"  {make('logs', stack)} follows it, {make('status', stack)} shows it.")
    if "RepositoryCloneUrl" in known:
        console.line("Clone the model's repository:")
        # Beside this folder: in it, the project's own checks would look through the clone
        console.line(f"  git clone {known['RepositoryCloneUrl']} ../model")


class TemplateLoader(yaml.CSafeLoader):
    """Reads a template's plain parts; the value of `!Sub` and its like does not matter here. In C:
    the template is large."""


TemplateLoader.add_multi_constructor("!", lambda loader, suffix, node: suffix)


def declared_parameters(template: str) -> dict[str, dict[str, Any]]:
    """The template's Parameters section: names and constraints."""
    # The loader is a SafeLoader: it makes plain values only
    found = yaml.load(template, Loader=TemplateLoader)  # noqa: S506
    return dict(found.get("Parameters", {}))


def parse_parameters(items: Iterable[str]) -> dict[str, str]:
    """`Key=Value` texts as a dict."""
    given: dict[str, str] = {}
    for item in items:
        key, sign, value = item.partition("=")
        if not sign or not key:
            raise Problem(
                f"{item!r} is no parameter: write Key=Value, with quotes around spaces: "
                "PARAMS=\"RetrainSchedule='cron(0 3 ? * SUN *)'\""
            )
        if key in given:
            raise Problem(f"parameter {key} is given twice")
        given[key] = value
    return given


def check_parameters(given: Mapping[str, str], declared: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse each name that the template does not have and each value that it does not allow."""
    wrong = [
        f"parameter {key}={value}: {reason}".rstrip(".")
        for key, value in given.items()
        if (reason := fault(key, value, declared))
    ]
    if wrong:
        raise Problem("; ".join(wrong))
    check_counts(given)


def check_stack(
    clients: Clients,
    stack: str,
    given: Mapping[str, str],
    declared: Mapping[str, Mapping[str, Any]],
) -> None:
    """Refuse what does not fit with the stack as it is: with the values in use, else defaults."""
    found = stacks.describe(clients.cloudformation, stack)
    made_anew = (*operations.DEAD, "REVIEW_IN_PROGRESS")
    used = stacks.parameters(found) if found and found["StackStatus"] not in made_anew else None
    if used is None and "ProjectName" not in given:
        check_project(stack, declared)
    defaults = {
        key: spelled(rule["Default"]) for key, rule in declared.items() if "Default" in rule
    }
    values = {**defaults, **(used or {}), **given}
    check_counts(values)
    check_budget(values)
    check_monitoring(values)
    check_kind(clients, values, used)


def check_project(stack: str, declared: Mapping[str, Mapping[str, Any]]) -> None:
    """A new stack names its project too, unless told otherwise, and may not be called as freely."""
    reason = fault("ProjectName", stack, declared)
    if reason:
        raise Problem(
            f"STACK={stack} is the project's name too: {reason.rstrip('.')}; choose another, or "
            "pass PARAMS='ProjectName=<name>'"
        )


def fault(key: str, value: str, declared: Mapping[str, Mapping[str, Any]]) -> str:
    """Why a parameter is not allowed, or an empty text."""
    if key in declared:
        pattern = str(declared[key].get("AllowedPattern", ".*"))
        return unknown_type(key, value, pattern) or value_fault(value, declared[key])
    near = difflib.get_close_matches(key, declared, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(declared))}"
    return f"the template has no such parameter: {hint}"


def value_fault(value: str, rule: Mapping[str, Any]) -> str:
    """Why a value is not allowed, or an empty text (AWS: Parameters section, Properties)."""
    allowed = [spelled(one) for one in rule.get("AllowedValues", [])]
    if allowed and value not in allowed:
        near = difflib.get_close_matches(value, allowed, 1)
        return f"allowed are {', '.join(allowed)}" + (f" (did you mean {near[0]}?)" if near else "")
    if rule.get("Type") == "Number":
        return number_fault(value, rule)
    hint = str(rule.get("ConstraintDescription", ""))
    if "MinLength" in rule and len(value) < int(rule["MinLength"]):
        return hint or f"at least {rule['MinLength']} characters are needed"
    if "MaxLength" in rule and len(value) > int(rule["MaxLength"]):
        return hint or f"at most {rule['MaxLength']} characters are allowed, these are {len(value)}"
    if "AllowedPattern" in rule and not re.fullmatch(str(rule["AllowedPattern"]), value):
        return hint or f"must match {rule['AllowedPattern']}"
    return ""


def number_fault(value: str, rule: Mapping[str, Any]) -> str:
    """Why a value is no number or is out of range, or an empty text."""
    if not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return "must be a number"
    if "MinValue" in rule and float(value) < float(rule["MinValue"]):
        return f"must be at least {rule['MinValue']}"
    if "MaxValue" in rule and float(value) > float(rule["MaxValue"]):
        return f"must be at most {rule['MaxValue']}"
    return ""


def spelled(value: Any) -> str:
    """A YAML value as CloudFormation compares it: text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def for_change_set(
    given: Mapping[str, str],
    declared: Mapping[str, Mapping[str, Any]],
    previous: Mapping[str, str] | None,
) -> "list[ParameterTypeDef]":
    """The change set's parameters: what is given, else the value in use, else the default."""
    chosen: list[ParameterTypeDef] = []
    for key, rule in declared.items():
        if key in given:
            chosen.append({"ParameterKey": key, "ParameterValue": given[key]})
        elif previous is not None and key in previous:
            chosen.append({"ParameterKey": key, "UsePreviousValue": True})
        elif "Default" not in rule:
            raise Problem(f"parameter {key} has no default: pass PARAMS='{key}=<value>'")
    return chosen
