"""A stack's parameters, checked against the template before anything is asked of AWS."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from scripts.session import Problem

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef


class _TemplateLoader(yaml.SafeLoader):
    """Reads a template's plain parts; the value of `!Sub` and its like does not matter here."""


_TemplateLoader.add_multi_constructor("!", lambda loader, suffix, node: suffix)


def declared(template: str) -> dict[str, dict[str, Any]]:
    """The template's Parameters section: names and constraints."""
    # The loader is a SafeLoader: it makes plain values only
    found = yaml.load(template, Loader=_TemplateLoader)  # noqa: S506
    return dict(found.get("Parameters", {}))


def parse(items: Iterable[str]) -> dict[str, str]:
    """`Key=Value` texts as a dict."""
    given: dict[str, str] = {}
    for item in items:
        key, sign, value = item.partition("=")
        if not sign or not key:
            raise Problem(f"{item!r} is no parameter: write Key=Value")
        if key in given:
            raise Problem(f"parameter {key} is given twice")
        given[key] = value
    return given


def check(given: Mapping[str, str], known: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a name that the template does not have or a value that it does not allow."""
    for key, value in given.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            raise Problem(
                f"the template has no parameter {key}"
                + (f": did you mean {near[0]}?" if near else f"; it has {', '.join(sorted(known))}")
            )
        reason = fault(value, known[key])
        if reason:
            raise Problem(f"parameter {key}={value}: {reason}")


def fault(value: str, rule: Mapping[str, Any]) -> str:
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
    known: Mapping[str, Mapping[str, Any]],
    previous: Mapping[str, str] | None,
) -> "list[ParameterTypeDef]":
    """The change set's parameters: what is given, else the value in use, else the default."""
    chosen: list[ParameterTypeDef] = []
    for key, rule in known.items():
        if key in given:
            chosen.append({"ParameterKey": key, "ParameterValue": given[key]})
        elif previous is not None and key in previous:
            chosen.append({"ParameterKey": key, "UsePreviousValue": True})
        elif "Default" not in rule:
            raise Problem(f"parameter {key} has no default: pass PARAMS='{key}=<value>'")
    return chosen
