"""A deployment's start: what can be made here, and the thread that makes it."""

import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

from local.background import background
from local.cfn import types
from local.cfn.engine import Engine
from local.cfn.errors import reason
from local.cfn.handler import Registry
from local.cfn.stack import Stack
from local.cfn.store import StackRecords
from local.context import current
from local.credentials import Credentials

# the CLI's waiters look again only after 30 s, so an answer that is soon complete waits to be
ANSWER_WITHIN_SECONDS = 20


@cache
def _registry(region: str) -> Registry:
    return types.registry(region)


def registry() -> Registry:
    """The resource types of the endpoint's region."""
    return _registry(current().region)


def claim(store: StackRecords, stack: Stack) -> None:
    """Take a stack for an update, holding the store's lock. Raises AwsError if it is not free."""
    store.updatable(stack.id)
    stack.status, stack.updated = "UPDATE_IN_PROGRESS", datetime.now(UTC)


def deploy(stack: Stack, deployer: Credentials, work: Callable[[Engine], None]) -> None:
    """Do the work with the deployer's permissions; return when it is done, or after a while."""
    engine = Engine(stack, registry(), deployer.client, current())

    def run() -> None:
        try:
            work(engine)
        except Exception as error:  # a fault of ours must not leave the stack in progress
            traceback.print_exc()
            stack.note(stack.status.replace("IN_PROGRESS", "FAILED"), reason(error))

    background(run).join(ANSWER_WITHIN_SECONDS)
