"""Deployment, first part: one at a time at the endpoint."""

from troposphere import Ref

from templates.parts.storage import Storage
from templates.workflows import queue
from templates.workflows.failure import problem
from templates.workflows.language import Step

# What the looks at whoever is first come to: about twelve hours, longer than one update may take
_LOOKS = 300
LONGEST_WAIT_SECONDS = sum(range(1, _LOOKS + 1))


def take_turn(storage: Storage) -> list[Step]:
    too_long = problem(
        "TurnDidNotCome",
        "States.Format('This deployment has waited for twelve hours for its turn at the endpoint "
        "${ProjectName}; first is now {} (see what it waits for, or stop it; then deploy again)', "
        f"{queue.FIRST})",
        tokens={"ProjectName": Ref("ProjectName")},
    )
    line = queue.Queue("deployments/queue.json", "deployment", storage, _LOOKS)
    return queue.take_turn(line, too_long)
