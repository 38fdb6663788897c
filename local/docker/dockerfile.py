"""A Dockerfile as instructions (Dockerfile reference); pure."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from local.refusals import unsupported

KNOWN = (
    *("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "LABEL", "RUN", "USER"),
    "WORKDIR",
)
_HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")
_VARIABLE = re.compile(
    r"\\(?P<escaped>\$)|\$(?:(?P<plain>\w+)|\{(?P<name>\w+)(?::(?P<op>[-+])(?P<word>[^}]*))?\})"
)
_WORD = re.compile(r"(?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\.|[^\s\"'\\])+")


class DockerfileError(ValueError):
    """A line that cannot be built; the message starts with its number."""


@dataclass(frozen=True)
class Instruction:
    line: int
    name: str
    text: str

    def error(self, message: str) -> DockerfileError:
        return DockerfileError(f"Dockerfile:{self.line}: {message}")


def parse(text: str) -> list[Instruction]:
    """Instructions in order; continuation lines joined, comments dropped, here-documents skipped.

    Raises DockerfileError for an instruction that the stand-in does not know.
    """
    instructions: list[Instruction] = []
    lines = list(enumerate(text.splitlines(), 1))
    while lines:
        number, line = lines.pop(0)
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        logical = line.strip()
        while logical.endswith("\\") and lines:
            following = lines.pop(0)[1].strip()
            if following and not following.startswith("#"):
                logical = logical[:-1] + following
        name, _, rest = logical.partition(" ")
        instruction = Instruction(number, name.upper(), rest.strip())
        if instruction.name not in KNOWN:
            raise instruction.error(unsupported(name, *KNOWN))
        if instruction.name == "RUN":
            _skip_heredocs(instruction, lines)
        instructions.append(instruction)
    if not any(instruction.name == "FROM" for instruction in instructions):
        raise DockerfileError("Dockerfile:1: no FROM instruction")
    return instructions


def _skip_heredocs(instruction: Instruction, lines: list[tuple[int, str]]) -> None:
    for end in _HEREDOC.findall(instruction.text):
        while lines and lines[0][1].strip() != end:
            lines.pop(0)
        if not lines:
            raise instruction.error(f"here-document {end} is not closed")
        lines.pop(0)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """$name, ${name}, ${name:-default} and ${name:+word}; an unknown name becomes nothing."""

    def value(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        known = variables.get(match["plain"] or match["name"], "")
        if match["op"] == "-":
            return known or expand(match["word"], variables)
        if match["op"] == "+":
            return expand(match["word"], variables) if known else ""
        return known

    return _VARIABLE.sub(value, text)


def words(text: str) -> list[str]:
    """The words of a line, quotes removed."""
    return [_unquote(word) for word in _WORD.findall(text)]


def pairs(instruction: Instruction, change: Callable[[str], str]) -> dict[str, str]:
    """The key=value pairs of ENV and LABEL, each value through `change`; also `ENV key value`."""
    raw = _WORD.findall(instruction.text)
    if raw and "=" not in raw[0]:
        key, _, value = instruction.text.partition(" ")
        return {key: change(_unquote(value.strip()))}
    found = {}
    for word in raw:
        key, equals, value = word.partition("=")
        if not equals:
            raise instruction.error(f"'{word}' is not key=value")
        # single quotes keep a $ as it is
        found[_unquote(key)] = value[1:-1] if value[:1] == "'" else change(_unquote(value))
    return found


def command(instruction: Instruction) -> tuple[str, ...]:
    """ENTRYPOINT or CMD: the exec form's list, or the shell form behind `/bin/sh -c`."""
    if instruction.text.startswith("["):
        try:
            listed = json.loads(instruction.text)
        except ValueError:
            raise instruction.error("the exec form must be a JSON list of strings") from None
        return tuple(str(word) for word in listed)
    return ("/bin/sh", "-c", instruction.text)


def flags(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Leading --name=value flags, and the rest."""
    rest = list(arguments)
    found = {}
    while rest and rest[0].startswith("--"):
        name, _, value = rest.pop(0)[2:].partition("=")
        found[name] = value
    return found, rest


def _unquote(word: str) -> str:
    return re.sub(
        r"\"((?:\\.|[^\"\\])*)\"|'([^']*)'",
        lambda m: re.sub(r"\\([\"\\])", r"\1", m[1]) if m[1] is not None else m[2],
        word,
    )
