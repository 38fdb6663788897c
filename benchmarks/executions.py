"""How quickly the local endpoint runs executions, against moto's interpreter as moto reads
definitions, or as another commit has it (`--against COMMIT`).

One machine: the template's training workflow, which is entered where its gate begins and left where
the gate ends. CPU time of a process each, in turn; the least of several, since what else a machine
does only adds to it.
"""

import argparse
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.report import Row, write
from tests.system.test_gate import CASES, given_to_the_gate
from tests.system.workflows import ROOT, defined, template
from tests.templates.reading import of_type

PROCESSES, EXECUTIONS = 3, 10
GATE = {"Variable": "$.gate", "IsPresent": True}
CODE = """
import json, sys, tempfile, time
from pathlib import Path
from local import server
from local.context import Context
from local.stepfunctions import reading
from local.tests.aws import Aws
from local.tests.machines import create, ended, start

given = json.load(sys.stdin)
if given["by moto"]:
    reading.install = lambda: None
with tempfile.TemporaryDirectory() as home:
    served = server.start(Context("eu-west-1", 0, Path(home)))
    aws = Aws(served.context)
    machine = create(aws, aws.role("states"), given["machine"])
    for number in range(given["executions"] + 1):
        if number == 1:  # the first has what all share still to make
            began = time.process_time()
        told = ended(aws, start(aws, machine, given["input"]))
        assert told["status"] == "SUCCEEDED", told
    print((time.process_time() - began) / given["executions"])
    served.stop()
"""


def machine() -> dict[str, Any]:
    """The whole training workflow, with a way to its gate and one out of it."""
    whole = of_type(template(), "AWS::StepFunctions::StateMachine")["TrainingWorkflow"]
    tokens = whole["DefinitionSubstitutions"].items()
    values = {token: "1" for token, value in tokens if "states:::" not in str(value)}
    made: dict[str, Any] = json.loads(defined("TrainingWorkflow", values))
    states = made["States"]
    states["Where"] = {
        "Type": "Choice",
        "Choices": [{**GATE, "Next": "LayLimit"}],
        "Default": made["StartAt"],
    }
    states["IsOverridden"]["Choices"].insert(0, {**GATE, "Next": "Judged"})
    return {**made, "StartAt": "Where", "States": {**states, "Judged": {"Type": "Succeed"}}}


def cpu_seconds(tree: Path, by_moto: bool = False) -> float:
    """Of one execution, by the `local` package of a tree."""
    given = {
        "by moto": by_moto,
        "machine": machine(),
        "input": {**given_to_the_gate(*CASES[0]), "gate": True},
        "executions": EXECUTIONS,
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tree,
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def compare(against: str, tree: Path, by_moto: bool) -> Row:
    runs = [(cpu_seconds(ROOT), cpu_seconds(tree, by_moto)) for _ in range(PROCESSES)]
    ours, theirs = (1 / min(each) for each in zip(*runs, strict=True))
    return Row(
        "executions of the gate, each second of CPU",
        against,
        f"{ours:.1f} : {theirs:.1f}",
        ours / theirs,
        least=1.4,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", help="a commit, in place of moto's own reading")
    commit = parser.parse_args().against
    if not commit:
        write("executions", [compare("moto's own reading", ROOT, by_moto=True)])
        return
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["git", "archive", commit, "local", "pyproject.toml"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        )
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
        write("executions", [compare(commit, Path(folder), by_moto=False)])


if __name__ == "__main__":
    main()
