"""One build from SUBMITTED to COMPLETED, in bash on this machine, with the service role."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from local import archives, artifacts, context, processes
from local.codebuild import buildspec as specs
from local.codebuild import files as build_files
from local.codebuild import script as build_script
from local.codebuild.records import Build, BuildFailure, BuildRecords
from local.codebuild.reports import ReportError, read_junit
from local.codebuild.workspace import Workspace

POLL = 0.2


class Run:
    """The work of one build; the record says how it ended."""

    def __init__(self, build: Build, state: BuildRecords) -> None:
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
            self._check()
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
            phase = build_script.next_phase(spec, phase, failed=failed)
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
        text = build_script.script(commands, self.place.state, succeeding=succeeding)
        status = self._bash(name, text, self.place.say)
        if not status:
            return None
        index = int((self.place.state / "command").read_text())
        return BuildFailure(
            "COMMAND_EXECUTION_ERROR",
            f"Error while executing command: {commands[index]}. Reason: exit status {status}",
        )

    def _bash(self, name: str, text: str, say: Callable[[str], None]) -> int:
        script = self.place.state / f"{name}.sh"
        script.write_text(text)
        self._check()
        process = processes.start(
            ["bash", str(script)], self.place.source, self.place.variables, say
        )
        while (status := process.wait(POLL)) is None:
            interruption = self.build.interruption()
            if interruption:
                process.terminate()
                raise interruption
        return status

    def _check(self) -> None:
        interruption = self.build.interruption()
        if interruption:
            raise interruption

    def _exported(self) -> list[dict[str, str]]:
        lines: list[str] = []
        names = self.place.spec.exported
        text = build_script.exported_script(names, self.place.state)
        self._bash("exported", text, lines.append)
        values = "\n".join(lines).split("\0")
        return [
            {"name": name, "value": value.strip("\n")}
            for name, value in zip(names, values, strict=False)
        ]

    def _reports(self) -> None:
        groups, record = self.state.reports, self.build.record
        for name, files in self.place.spec.reports.items():
            arn = (
                name
                if name.startswith("arn:")
                else context.current().arn(
                    "codebuild", f"report-group/{record['projectName']}-{name}"
                )
            )
            group = groups.create(arn, arn.rsplit("/", 1)[-1], [])
            try:
                cases = [
                    case
                    for path, _ in build_files.collect(self.place.source, files)
                    for case in read_junit(path)
                ]
            except (build_files.NoFiles, ReportError) as error:
                self.place.say(f"[Container] Error processing report {name}: {error}")
                continue
            record["reportArns"].append(groups.add(group, record["arn"], cases))

    def _upload(self) -> None:
        spec, handover = self.place.spec, self.build.handover
        outputs = handover.outputs if handover else ()
        for output in outputs:
            files = spec.secondary.get(output.name)
            if len(outputs) == 1 and spec.artifacts:
                files = spec.artifacts
            if files is None:
                raise BuildFailure("CLIENT_ERROR", f"no definition for artifact {output.name}")
            data = archives.pack(build_files.collect(self.place.source, files))
            artifacts.upload(self.place.credentials, output, data)
            arn = f"arn:{context.current().partition}:s3:::{output.bucket}/{output.key}"
            self.build.record["artifacts"] = {"location": arn}
