"""The census, local/accepts: what it names AWS has, and somebody here reads it."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import moto
import pytest
import yaml
from botocore.model import ListShape, MapShape, Shape, StructureShape
from moto.core.utils import camelcase_to_underscores, get_service_model

import local
from local.authorization.actions import RESOURCES
from local.context import SERVED
from local.door import census
from local.door.request import SIGNED
from local.service import Service

HERE, MOTO = Path(local.__file__).parent, Path(moto.__file__).parent
SERVICES = sorted(each.stem for each in census.FOLDER.glob("*.yaml"))
Found = Iterator[tuple[str, Shape, census.Member]]
FOLDERS = {
    "application-autoscaling": "autoscaling",
    "cloudformation": "cfn",
    "sagemaker-runtime": "sagemaker",
    "events": "events.py",
}


@cache
def own() -> dict[str, set[str]]:
    """The operations that are methods of this endpoint's own classes, by service."""
    for module in pkgutil.walk_packages(local.__path__, "local."):
        if ".tests" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[str, set[str]] = {}
    for each in _classes(Service):
        names = {
            camelcase_to_underscores(name): name
            for name in get_service_model(each.service).operation_names
        }
        made = {name for kind in each.__mro__ if issubclass(kind, Service) for name in vars(kind)}
        found.setdefault(each.service, set()).update(names[name] for name in names.keys() & made)
    return found


def _classes(base: type[Service]) -> Iterator[type[Service]]:
    for each in base.__subclasses__():
        yield each
        yield from _classes(each)


@cache
def source(service: str) -> str:
    """The code that answers for the service: this package's, and moto's where that does it."""
    place = HERE / FOLDERS.get(service, service)
    files = [place] if place.is_file() else [*place.rglob("*.py")]
    if not own().get(service, set()) >= census.operations(service).keys():
        files += (MOTO / service.replace("-", "")).rglob("*.py")
    files += [HERE / "undelivered.py"] if service == "events" else []
    files += [HERE / f"moto_{name}.py" for name in ("seams", "answers", "workflows")]
    return "\n".join(file.read_text() for file in files)


def members(listed: census.Members, shape: Shape, where: str) -> Found:
    """Each member that is listed, with its shape."""
    match shape:
        case ListShape():
            yield from members(listed, shape.member, where)
        case MapShape():
            yield from members(listed, shape.value, where)
        case StructureShape():
            for name, member in listed.items():
                assert name in shape.members, f"AWS knows no {where}.{name}"
                yield f"{where}.{name}", shape.members[name], member
                if member.inner is not None and structured(shape.members[name]):
                    yield from members(member.inner, shape.members[name], f"{where}.{name}")


def structured(shape: Shape) -> bool:
    match shape:
        case ListShape():
            return structured(shape.member)
        case MapShape():
            return structured(shape.value)
    return isinstance(shape, StructureShape)


def acted_on(service: str) -> Found:
    listed = yaml.safe_load((census.FOLDER / f"{service}.yaml").read_text())
    for name in listed.keys() - {"harmless"}:
        shape = get_service_model(service).operation_model(name).input_shape
        if shape:
            yield from members(census.members(listed[name]), shape, name)


def test_each_service_that_is_served_has_its_list() -> None:
    assert {SIGNED.get(each, each) for each in SERVED} | {"sagemaker-runtime"} == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_done_is_listed_and_what_is_listed_is_done(service: str) -> None:
    listed = census.operations(service).keys()
    done = own().get(service, set())
    assert done - listed == set(), f"local/accepts/{service}.yaml leaves operations out"
    missing = {
        name
        for name in listed - done
        if not re.search(rf"\b{camelcase_to_underscores(name)}\b", source(service))
    }
    assert missing == set(), f"nobody does what local/accepts/{service}.yaml lists"


@pytest.mark.parametrize("service", sorted(RESOURCES))
def test_what_is_listed_says_what_it_is_on(service: str) -> None:
    """Else a role's call is refused, as one that cannot be judged."""
    said = {name for names in RESOURCES[service].values() for name in names.split()}
    unsaid = census.operations(service).keys() ^ said
    assert unsaid == set(), f"local/authorization/actions.py does not name these of {service}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_structure_is_listed_with_its_members_so_that_no_update_of_botocore_widens_it(
    service: str,
) -> None:
    for where, shape, member in acted_on(service):
        keys = isinstance(shape, MapShape) and member.inner is not None
        assert structured(shape) == (member.inner is not None) or keys, (
            f"local/accepts/{service}.yaml: say which of {where}"
        )


@pytest.mark.parametrize("service", SERVICES)
def test_each_member_that_is_listed_is_read_by_name(service: str) -> None:
    """Or by the base of all services, which hands out pages."""
    pages = {"NextToken", "nextToken", "MaxResults", "maxResults"}
    unread = []
    for where, shape, member in acted_on(service):
        name = where.rpartition(".")[2]
        names = {name, camelcase_to_underscores(name), shape.serialization.get("name", name)}
        found = any(
            re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-])", source(service), re.IGNORECASE)
            for each in names
        )
        if member.inner is None and member.values is None and not found and name not in pages:
            unread.append(where)
    assert unread == [], f"local/accepts/{service}.yaml: nothing reads these: harmless, or refused?"


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_harmless_says_why(service: str) -> None:
    listed = yaml.safe_load((census.FOLDER / f"{service}.yaml").read_text())
    for text, reason in (listed.get("harmless") or {}).items():
        operation, _, more = text.partition(" ")
        assert reason and more
        if operation != "any":
            shape = get_service_model(service).operation_model(operation).input_shape
            assert shape and list(members(census.members(more), shape, operation))


def test_the_resource_types_of_cloudformation_call_only_what_is_listed() -> None:
    text = "\n".join(file.read_text() for file in (HERE / "cfn" / "types").glob("*.py"))
    calls = set(re.findall(r'"([a-z]\w+)\.([a-z_]+)"', text))
    assert len(calls) > 50
    known = {
        (service, camelcase_to_underscores(name))
        for service in SERVICES
        for name in census.operations(service)
    }
    assert calls - known == set()


def test_a_list_that_cannot_be_read_is_told() -> None:
    for text in ("A{B", "A}", "A{,}"):
        with pytest.raises((ValueError, IndexError)):
            census.members(text)
