"""A buildspec, version 0.2: read and checked, the order of its phases, and the files that it names
(CodeBuild User Guide, "Build specification reference for CodeBuild").

What the local endpoint does not do is refused, never skipped in silence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from local.refusals import unsupported

PHASES = ("install", "pre_build", "build", "post_build")
SHELLS = ("bash", "/bin/sh")
_TOP = {"version", "env", "phases", "reports", "artifacts", "cache"}
_ENV = {"shell", "variables", "parameter-store", "exported-variables"}
_PHASE = {"commands", "finally", "on-failure"}
_FILES = {"files", "base-directory", "discard-paths"}
_ARTIFACT = _FILES | {"name", "exclude-paths"}


class BuildspecError(ValueError):
    """The text is no buildspec; the message is CodeBuild's where CodeBuild's is known."""


class NoFiles(ValueError):
    """Nothing matches; the message is CodeBuild's."""


@dataclass(frozen=True)
class Phase:
    commands: tuple[str, ...] = ()
    at_end: tuple[str, ...] = ()
    on_failure: str | None = None


@dataclass(frozen=True)
class Files:
    """Files to collect: glob patterns below a folder."""

    patterns: tuple[str, ...]
    base: str = "."
    discard_paths: bool = False
    exclude: tuple[str, ...] = ()

    def collect(self, source: Path) -> list[tuple[Path, str]]:
        """(file, name in the archive) in stable order; raises NoFiles."""
        base = source / self.base
        if not base.is_dir():
            raise NoFiles(f"no matching base directory path found for {self.base}")
        excluded = {path for pattern in self.exclude for path in _match(base, pattern)}
        found = []
        for pattern in self.patterns:
            matched = [path for path in _match(base, pattern) if path not in excluded]
            if not matched:
                raise NoFiles(f"no matching artifact paths found: {pattern}")
            found += matched
        names = {
            path: path.name if self.discard_paths else str(path.relative_to(base))
            for path in dict.fromkeys(found)
        }
        return list(names.items())


def _match(base: Path, pattern: str) -> Iterator[Path]:
    # `**/*` names the files of all folders; Path.glob's `**` names folders only
    return (path for path in sorted(base.glob(pattern)) if path.is_file())


@dataclass(frozen=True)
class Buildspec:
    variables: Mapping[str, str]
    parameters: Mapping[str, str]
    exported: tuple[str, ...]
    phases: Mapping[str, Phase]
    runtime_versions: Mapping[str, str]
    reports: Mapping[str, Files]
    artifacts: Files | None
    secondary: Mapping[str, Files] = field(default_factory=dict)

    def after(self, phase: str, *, failed: bool) -> str | None:
        """The next phase ("View build details in CodeBuild", build phase transitions).

        A failed install or pre_build ends the build; after build, post_build runs in any case;
        on-failure overrides both.
        """
        number = PHASES.index(phase) + 1
        following = PHASES[number] if number < len(PHASES) else None
        if not failed:
            return following
        on_failure = self.phases[phase].on_failure if phase in self.phases else None
        if on_failure == "CONTINUE" or (on_failure is None and phase == "build"):
            return following
        return None


def parse(text: str) -> Buildspec:
    """Read a buildspec; raises BuildspecError with one line that names the place."""
    try:
        # BaseLoader builds only text, lists and mappings, so `010` and `yes` stay as written
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise BuildspecError(" ".join(str(error).split())) from None
    top = _mapping(document, "the buildspec", _TOP)
    if top.get("version") != "0.2":
        raise BuildspecError(f"version must be 0.2, not {top.get('version', 'absent')}")
    env = _mapping(top.get("env", {}), "env", _ENV)
    if env.get("shell", "bash") not in SHELLS:
        raise BuildspecError(f"env/shell must be one of {', '.join(SHELLS)}")
    phases = _mapping(top.get("phases", {}), "phases", set(PHASES))
    if not phases:
        raise BuildspecError("phases is required")
    versions: Mapping[str, str] = {}
    if "install" in phases:
        install = dict(_mapping(phases["install"], "phases/install", _PHASE | {"runtime-versions"}))
        versions = _texts(install.pop("runtime-versions", {}), "runtime-versions")
        phases = {**phases, "install": install}
    artifacts = dict(
        _mapping(top.get("artifacts", {}), "artifacts", _ARTIFACT | {"secondary-artifacts"})
    )
    secondary = _mapping(artifacts.pop("secondary-artifacts", {}), "secondary-artifacts")
    return Buildspec(
        variables=_texts(env.get("variables", {}), "env/variables"),
        parameters=_texts(env.get("parameter-store", {}), "env/parameter-store"),
        exported=_list(env.get("exported-variables", []), "env/exported-variables"),
        phases={name: _phase(name, phases[name]) for name in PHASES if name in phases},
        runtime_versions=versions,
        reports={
            name: _report(name, body)
            for name, body in _mapping(top.get("reports", {}), "reports").items()
        },
        artifacts=_files(artifacts, "artifacts", _ARTIFACT) if artifacts else None,
        secondary={
            name: _files(body, f"secondary-artifacts/{name}", _ARTIFACT)
            for name, body in secondary.items()
        },
    )


def _phase(name: str, body: Any) -> Phase:
    body = _mapping(body or {}, f"phases/{name}", _PHASE)
    on_failure = body.get("on-failure")
    if on_failure not in (None, "ABORT", "CONTINUE"):
        raise BuildspecError(f"phases/{name}/on-failure must be ABORT or CONTINUE")
    commands = _commands(body.get("commands", []), "Commands")
    at_end = _commands(body.get("finally", []), "Finally")
    if not commands and not at_end and name != "install":
        raise BuildspecError(f"phases/{name} has no commands")
    return Phase(commands, at_end, on_failure)


def _commands(value: Any, label: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BuildspecError(f"Expected {label} to be of sequence type")
    for index, command in enumerate(value):
        if not isinstance(command, str):
            raise BuildspecError(
                f"Expected {label}[{index}] to be of string type: found subkeys instead; "
                "enclose a command that contains ': ' in quotation marks"
            )
    return tuple(value)


def _report(name: str, body: Any) -> Files:
    body = dict(_mapping(body, f"reports/{name}", _FILES | {"file-format"}))
    if body.pop("file-format", "JUNITXML").upper() != "JUNITXML":
        raise BuildspecError(unsupported(f"reports/{name}: this file-format", "JUNITXML"))
    return _files(body, f"reports/{name}", _FILES)


def _files(body: Any, place: str, allowed: set[str]) -> Files:
    body = _mapping(body, place, allowed)
    patterns = _list(body.get("files", []), f"{place}/files")
    if not patterns:
        raise BuildspecError(f"{place}/files is required")
    exclude = _list(body.get("exclude-paths", []), f"{place}/exclude-paths")
    for pattern in (*patterns, *exclude, body.get("base-directory", ".")):
        if pattern.startswith("/") or ".." in pattern.split("/"):
            raise BuildspecError(f"{place}: '{pattern}' leaves the source folder")
    return Files(
        patterns,
        body.get("base-directory", "."),
        body.get("discard-paths", "no") in ("yes", "true"),
        exclude,
    )


def _mapping(value: Any, place: str, allowed: set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BuildspecError(f"Expected {place} to be a mapping")
    unknown = sorted(value.keys() - allowed) if allowed is not None else []
    if unknown:
        raise BuildspecError(unsupported(f"{place}: '{unknown[0]}'", *sorted(allowed or ())))
    return value


def _texts(value: Any, place: str) -> Mapping[str, str]:
    found = _mapping(value, place)
    for key, text in found.items():
        if not isinstance(text, str):
            raise BuildspecError(f"{place}/{key} must be text")
    return found


def _list(value: Any, place: str) -> tuple[str, ...]:
    sequence: Sequence[Any] = value if isinstance(value, list) else [None]
    if not all(isinstance(item, str) for item in sequence):
        raise BuildspecError(f"Expected {place} to be a sequence of text")
    return tuple(sequence)
