"""The census: local/operations.txt names what can be asked of this endpoint."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import botocore.session
from moto.core.utils import camelcase_to_underscores

import local
from local.authorization.actions import RESOURCES
from local.context import MOTO
from local.service import Service, operations

CENSUS = Path(local.__file__).parent / "operations.txt"


def services(base: type[Service] = Service) -> Iterator[type[Service]]:
    for each in base.__subclasses__():
        yield each
        yield from services(each)


def supported() -> set[str]:
    for module in pkgutil.walk_packages(local.__path__, "local."):
        if ".tests" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    session = botocore.session.get_session()
    own = {
        f"{each.service} {operation}"
        for each in services()
        for operation in session.get_service_model(each.service).operation_names
        if camelcase_to_underscores(operation) in operations(each) | each.by_moto
    }
    return own | {f"{service} *" for service in MOTO}


def test_every_operation_of_ours_says_what_it_is_on() -> None:
    listed = [line.split() for line in CENSUS.read_text().splitlines() if line[0] != "#"]
    unsaid = [
        f"{service} {operation}"
        for service, operation in listed
        if operation != "*"
        and not any(operation in each.split() for each in RESOURCES[service].values())
    ]
    assert unsaid == [], "local/authorization/actions.py does not name these"


def test_the_census_names_every_operation_in_the_order_of_the_alphabet() -> None:
    listed = [line for line in CENSUS.read_text().splitlines() if not line.startswith("#")]
    assert listed == sorted(supported()), (
        "local/operations.txt differs from the services' api.py and context.MOTO"
    )
