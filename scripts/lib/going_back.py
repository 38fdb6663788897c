"""To which version the endpoint is taken back, and whether it can be: as it was kept, or made anew
of what is registered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.lib import packages
from scripts.lib.approval import begun, execution
from scripts.lib.kept import NEVER, KeptVersion, kept, lacks, of_package
from scripts.lib.packages import APPROVED, Package
from scripts.lib.problems import FAILED, Problem, make
from scripts.lib.serving import ServedModel
from scripts.lib.session import Clients


@dataclass(frozen=True)
class Wish:
    """What is to serve: a version that is kept, or one that is registered and made anew."""

    name: str
    input: Mapping[str, Any]
    kept: KeptVersion | None
    package: Package | None


def chosen(
    clients: Clients,
    known: Mapping[str, str],
    found: list[KeptVersion],
    serving: ServedModel | None,
    to: str,
    stack: str,
) -> KeptVersion | Package:
    """The kept version that is meant; or a registered one that is not kept."""
    if not to:
        return last_good(found, serving, stack)
    meant = [one for one in found if one.is_meant(to)]
    exact = [one for one in meant if one.name == to]
    if len(exact or meant) > 1:
        raise Problem(f"TO={to} fits {', '.join(one.name for one in meant)}: pass one of these")
    if meant:
        return (exact or meant)[0]
    one = packages.find(clients, known, to, stack, "TO")
    return of_package(found, one) or one


def last_good(found: list[KeptVersion], serving: ServedModel | None, stack: str) -> KeptVersion:
    """The newest that has served well and was made before what serves."""
    now = next((one for one in found if serving and one.name == serving.name), None)
    older = [one for one in found if one.served == "yes" and one is not now]
    older = [one for one in older if now is None or is_older(one, now)]
    if not older:
        what = f"{serving.name} serves, and no" if serving else "no"
        raise Problem(
            f"there is nothing to go back to: {what} version that is kept served well before; "
            f"{make('models', stack)} lists what was registered, and TO= takes any of these that "
            "was approved",
            FAILED,
        )
    # One that was taken back before is newer in that than when it was made
    return max(older, key=lambda one: one.model.tags.get("asked-at", ""))


def is_older(one: KeptVersion, other: KeptVersion) -> bool:
    """One that was deployed anew is as old as its training: the registry numbers these."""
    if one.number and other.number and one.number != other.number:
        return one.number < other.number
    return one.created < other.created


def back_to(
    clients: Clients,
    known: Mapping[str, str],
    one: KeptVersion,
    found: list[KeptVersion],
    serving: ServedModel | None,
    request: Mapping[str, str],
    stack: str,
) -> Wish:
    """A version as it was kept. The workflow looks again for all that it needs."""
    if serving and one.name == serving.name:
        raise Problem(f"version {one.name} serves already. Nothing was changed.", FAILED)
    if one.served == NEVER:
        raise Problem(
            f"version {one.name} has never served, so there is no going back to it: its deployment "
            f"is under way or was broken off, see {make('status', stack)}",
            FAILED,
        )
    gone = lacks(clients, known, one)
    if gone:
        taken = (one.name, serving.name if serving else "")
        others = [each for each in found if each.served != NEVER and each.name not in taken]
        others.sort(key=lambda each: each.served != "yes")
        way = "no other version is kept: a push of its commit makes it anew"
        if others:
            way = f"pass TO=, such as TO={others[0].name}"
        raise Problem(
            f"version {one.name} cannot be taken back: {' and '.join(gone)} is gone. Nothing was "
            f"changed; {way}",
            FAILED,
        )
    given = {
        "name": one.name,
        "image": one.model.image,
        "modelDataUrl": one.model.data,
        "commit": one.model.tags.get("commit", "unknown"),
        "rollback": request,
    }
    package = one.model.package
    return Wish(one.name, given, one, packages.read(clients, known, package) if package else None)


def made_anew(clients: Clients, known: Mapping[str, str], one: Package, stack: str) -> Wish:
    """An ordinary deployment of an approved version that is not kept, also while alarms ring."""
    if one.status != APPROVED:
        raise Problem(
            f"version {one.label} is not kept, and was not approved ({one.status}): "
            f"{make('approve', stack, f'VERSION={one.short}')} deploys it",
            FAILED,
        )
    under_way = begun(clients, execution(known["DeploymentWorkflowArn"], one.name))
    if under_way and under_way[0] == "RUNNING":
        raise Problem(
            f"version {one.label} is being deployed: {make('status', stack)} shows how far it is",
            FAILED,
        )
    given = {
        "name": one.name,
        "image": one.image,
        "modelDataUrl": one.model_data,
        "commit": one.commit_id,
        "package": one.id,
        "unguarded": True,
    }
    return Wish(one.name, given, None, one)


def would_be_taken(clients: Clients, known: Mapping[str, str], one: Package) -> bool:
    """Whether `make rollback` takes an approved version whose deployment has ended: one that is not
    kept is made anew."""
    found = of_package(kept(clients, known["VersionPrefix"]), one)
    return found is None or (found.served != NEVER and not lacks(clients, known, found))
