"""One build from SUBMITTED to COMPLETED, in bash on this machine, with the service role.

One shell runs all commands of a build ("Build specification reference for CodeBuild", version
0.2). Here each phase is a process of its own, so variables, functions and the working directory
are written down after every command and read back by the next phase.
"""

import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from local import artifacts, processes
from local.authorization.ask import Ask
from local.authorization.hold import require
from local.codebuild import buildspec as specs
from local.codebuild.records import BuildFailure, BuildRecords, BuildRun
from local.codebuild.reports import ReportError, read_junit
from local.codebuild.workspace import Workspace
from local.context import current

POLL = 0.2
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


class BuildWork:
    """The work of one build; the record says how it ended."""

    def __init__(self, build: BuildRun, state: BuildRecords) -> None:
        self.build, self.state = build, state
        self.place = Workspace(build)

    def run(self) -> None:
        status = "SUCCEEDED"
        self.build.announce()
        with ExitStack() as log:
            try:
                self._prepare(log)
                self._phases()
            except BuildFailure as failure:
                status = failure.status
                self.place.say(
                    f"[Container] Phase context status code: {failure.code} Message: {failure}"
                )
            with self.build.phase("FINALIZING"):
                pass
        self.build.complete(status)

    def _prepare(self, log: ExitStack) -> None:
        with self.build.phase("SUBMITTED"):
            pass
        with self.build.phase("QUEUED"):
            self._wait_for_a_place()
        self.build.deadline = time.monotonic() + 60 * self.build.record["timeoutInMinutes"]
        with self.build.phase("PROVISIONING"):
            self.place.provision(log)
        with self.build.phase("DOWNLOAD_SOURCE"):
            self.place.download()

    def _wait_for_a_place(self) -> None:
        limit = self.build.project.get("concurrentBuildLimit")
        minutes = self.build.record["queuedTimeoutInMinutes"]
        self.build.deadline = time.monotonic() + 60 * minutes
        while limit and self.state.unfinished_before(self.build) >= limit:
            self.build.check()
            time.sleep(POLL)

    def _phases(self) -> None:
        """Run the buildspec's phases; raises the first failure once all that follows is done."""
        spec, first = self.place.spec, None
        phase: str | None = specs.PHASES[0]
        while phase:
            failed = False
            try:
                with self.build.phase(phase.upper()):
                    self._phase(phase, succeeding=first is None)
            except BuildFailure as failure:
                if failure.status != "FAILED":
                    raise
                self.place.say(f"[Container] Phase complete: {phase.upper()} State: FAILED")
                first, failed = first or failure, True
            phase = spec.after(phase, failed=failed)
        with self.build.phase("UPLOAD_ARTIFACTS"):
            self._reports()
            if first is None:
                self.build.record["exportedEnvironmentVariables"] = self._exported()
                self._upload()
        if first:
            raise first

    def _phase(self, name: str, *, succeeding: bool) -> None:
        phase = self.place.spec.phases.get(name, specs.Phase())
        self.place.say(f"[Container] Entering phase {name.upper()}")
        failure = self._commands(name, phase.commands, succeeding)
        succeeding = succeeding and failure is None
        failure = self._commands(f"{name}-finally", phase.at_end, succeeding) or failure
        if failure:
            raise failure
        self.place.say(f"[Container] Phase complete: {name.upper()} State: SUCCEEDED")

    def _commands(
        self, name: str, commands: Sequence[str], succeeding: bool
    ) -> BuildFailure | None:
        if not commands:
            return None
        text = script(commands, self.place.state, succeeding=succeeding)
        status = self._bash(name, text, self.place.say)
        if not status:
            return None
        index = int((self.place.state / "command").read_text())
        return BuildFailure(
            "COMMAND_EXECUTION_ERROR",
            f"Error while executing command: {commands[index]}. Reason: exit status {status}",
        )

    def _bash(self, name: str, text: str, say: Callable[[str], None]) -> int:
        file = self.place.state / f"{name}.sh"
        file.write_text(text)
        self.build.check()
        process = processes.start(["bash", str(file)], self.place.source, self.place.variables, say)
        while (status := process.wait(POLL)) is None:
            try:
                self.build.check()
            except BuildFailure:
                process.terminate()
                raise
        return status

    def _exported(self) -> list[dict[str, str]]:
        """The values of the exported variables, which bash closes by a zero byte each."""
        names, lines = self.place.spec.exported, list[str]()
        text = _load(self.place.state, succeeding=True) + _EXPORTED.format(names=shlex.join(names))
        self._bash("exported", text, lines.append)
        values = "\n".join(lines).split("\0")
        return [
            {"name": name, "value": value.strip("\n")}
            for name, value in zip(names, values, strict=False)
        ]

    def _reports(self) -> None:
        groups, record = self.state.reports, self.build.record
        for name, files in self.place.spec.reports.items():
            own = current().arn("codebuild", f"report-group/{record['projectName']}-{name}")
            arn = name if name.startswith("arn:") else own
            self._may_report(arn, new=arn not in groups.groups)
            group = groups.create(arn, arn.rsplit("/", 1)[-1], [])
            try:
                cases = [
                    case
                    for path, _ in files.collect(self.place.source)
                    for case in read_junit(path)
                ]
            except (specs.NoFiles, ReportError) as error:
                self.place.say(f"[Container] Error processing report {name}: {error}")
                continue
            record["reportArns"].append(groups.add(group, record["arn"], cases))

    def _may_report(self, group: str, *, new: bool) -> None:
        """CodeBuild User Guide, "Test report permissions". Raises ClientError."""
        actions = ("CreateReport", "BatchPutTestCases", "UpdateReport")
        for action in ("CreateReportGroup", *actions) if new else actions:
            require(self.place.credentials, action, Ask(f"codebuild:{action}", group))

    def _upload(self) -> None:
        spec, handover = self.place.spec, self.build.handover
        outputs = handover.outputs if handover else ()
        for output in outputs:
            files = spec.secondary.get(output.name)
            if len(outputs) == 1 and spec.artifacts:
                files = spec.artifacts
            if files is None:
                raise BuildFailure("CLIENT_ERROR", f"no definition for artifact {output.name}")
            data = artifacts.pack(files.collect(self.place.source))
            artifacts.upload(self.place.credentials, output, data)
            self.build.record["artifacts"] = {"location": output.arn}


def script(commands: Sequence[str], state: Path, *, succeeding: bool) -> str:
    """Bash that runs the commands until one fails and exits with that one's status.

    `state` holds variables, folder, and command: the index of the last command started.
    """
    return _load(state, succeeding=succeeding) + "".join(
        _COMMAND.format(index=index, command=shlex.quote(command))
        for index, command in enumerate(commands)
    )


def _load(state: Path, *, succeeding: bool) -> str:
    return _LOAD.format(state=shlex.quote(str(state)), succeeding=int(succeeding))
