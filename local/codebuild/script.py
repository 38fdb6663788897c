"""The bash that runs a phase, and which phase follows which; pure.

One shell runs all commands of a build ("Build specification reference for CodeBuild", version
0.2). Here each phase is a process of its own, so variables, functions and the working directory
are written down after every command and read back by the next phase.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from local.codebuild.buildspec import PHASES, Buildspec

_LOAD = """\
codebuild_state={state}
[ -f "$codebuild_state/variables" ] && . "$codebuild_state/variables" 2>/dev/null
[ -f "$codebuild_state/folder" ] && cd "$(cat "$codebuild_state/folder")"
codebuild_state={state}
export CODEBUILD_BUILD_SUCCEEDING={succeeding}
# when the build is stopped, what runs in the foreground first gets its own chance to clean up
trap 'exit 143' TERM
"""
_COMMAND = """\
echo {index} > "$codebuild_state/command"
printf '[Container] %s Running command %s\\n' "$(date -u '+%Y/%m/%d %H:%M:%S')" {command}
eval {command}
codebuild_status=$?
[ $codebuild_status -eq 0 ] || exit $codebuild_status
{{ declare -p; declare -f; }} > "$codebuild_state/variables"
pwd > "$codebuild_state/folder"
"""
_EXPORTED = """\
for codebuild_name in {names}; do
  printenv "$codebuild_name"
  printf '\\0'
done
"""


def script(commands: Sequence[str], state: Path, *, succeeding: bool) -> str:
    """Bash that runs the commands until one fails and exits with that one's status.

    `state` holds variables, folder, and command: the index of the last command started.
    """
    head = _LOAD.format(state=shlex.quote(str(state)), succeeding=int(succeeding))
    return head + "".join(
        _COMMAND.format(index=index, command=shlex.quote(command))
        for index, command in enumerate(commands)
    )


def exported_script(names: Sequence[str], state: Path) -> str:
    """Bash that prints the values of exported variables, each closed by a zero byte."""
    head = _LOAD.format(state=shlex.quote(str(state)), succeeding=1)
    return head + _EXPORTED.format(names=" ".join(map(shlex.quote, names)))


def next_phase(spec: Buildspec, phase: str, *, failed: bool) -> str | None:
    """The phase after `phase` ("View build details in CodeBuild", build phase transitions).

    A failed install or pre_build ends the build; after build, post_build runs in any case;
    on-failure overrides both.
    """
    after = PHASES.index(phase) + 1
    following = PHASES[after] if after < len(PHASES) else None
    if not failed:
        return following
    on_failure = spec.phases[phase].on_failure if phase in spec.phases else None
    if on_failure == "CONTINUE" or (on_failure is None and phase == "build"):
        return following
    return None
