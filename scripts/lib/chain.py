"""The links from an endpoint back to a commit, each with where it was read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from botocore.exceptions import ClientError

from scripts.lib import asking, packages
from scripts.lib.console import plain
from scripts.lib.inventory import endpoint
from scripts.lib.kept import request_of, taken_back
from scripts.lib.packages import PENDING, Package
from scripts.lib.problems import Problem, is_gone
from scripts.lib.refusals import explain
from scripts.lib.serving import ServedModel, model_of, read_model
from scripts.lib.session import Clients

Found = TypeVar("Found")
CREATED = "the pipeline's creation, with the stack"


@dataclass(frozen=True)
class Link:
    """What, its value, and from where; or why it is missing."""

    what: str
    value: str = ""
    source: str = ""
    missing: str = ""


class Chain:
    """Gathers the links. What a person may not see, or what is gone, is a missing link."""

    def __init__(self, clients: Clients, known: Mapping[str, str]) -> None:
        self._clients, self._known = clients, known
        self.links: list[Link] = []

    def of_endpoint(self) -> None:
        """From what the endpoint serves."""
        name = self._known["EndpointName"]
        found = self._ask("endpoint", lambda: endpoint(self._clients, name))
        if found is None:
            if not self.links:
                self._lacks("endpoint", f"{name} does not exist yet: nothing serves")
            return
        since = f"{found.changed:%Y-%m-%d %H:%M} UTC"
        self._has("endpoint", f"{name}, {found.status} since {since}", "endpoint")
        self._has("config", found.config, "endpoint")
        model = self._ask("model", lambda: model_of(self._clients, found.config))
        read = self._ask("model", lambda: read_model(self._clients, model)) if model else None
        if read is None:
            return
        self._has("model", read.name, "config")
        self._rollback(read)
        one = self._package_of(read)
        if one:
            self._version(one, "model's tag")
            self._compare(read, one)
            self._evaluation(one)
        self._training(one, read.data, "model")
        self._images(one, read.image, "model")
        if one:
            self._commit(one.commit_id, "registered")
            self._people(one)
        else:
            self._commit(read.tags.get("commit", ""), "model's tag")

    def of_version(self, one: Package) -> None:
        """From a version, whether or not it serves."""
        self._version(one, "registered")
        self._evaluation(one)
        self._training(one, one.model_data, "registered")
        self._images(one, one.image, "registered")
        self._commit(one.commit_id, "registered")
        self._people(one)

    def _has(self, what: str, value: str, source: str) -> None:
        self.links.append(Link(what, plain(value), source))

    def _lacks(self, what: str, why: str) -> None:
        self.links.append(Link(what, missing=plain(why)))

    def _told(self, what: str, one: Package, name: str) -> None:
        """What a version's metadata say."""
        value = one.metadata.get(name, "")
        if value:
            self._has(what, value, "registered")
        else:
            self._lacks(what, f"the version says nothing about it (no {name} in its metadata)")

    def _ask(self, what: str, call: Callable[[], Found]) -> Found | None:
        """What a call answers; where it is refused, the link is missing for that reason."""
        try:
            return call()
        except ClientError as error:
            self._lacks(what, f"it is gone: {explain(error)}" if is_gone(error) else explain(error))
        except Problem as problem:
            self._lacks(what, str(problem))
        return None

    def _rollback(self, model: ServedModel) -> None:
        """From which version the endpoint was taken back to this one, by whom and why."""
        if not (said := taken_back(model)):
            return
        self._has("rollback", said, "model's tag")
        machine = self._known["DeploymentWorkflowArn"]
        request = self._ask(
            "rollback by", lambda: request_of(self._clients.stepfunctions, machine, model.name)
        )
        if request:
            self._has("rollback by", str(request.get("by", "unknown")), "execution")
            self._has("rollback why", str(request.get("reason", "unknown")), "execution")
        elif request is not None:
            self._lacks("rollback by", "its execution is not among the newest of the workflow")

    def _package_of(self, model: ServedModel) -> Package | None:
        """The version that the model was made from."""
        if not model.package:
            self._lacks(
                "version",
                f"model {model.name} has no tag package: it was deployed by hand, or before "
                "versions were registered",
            )
            return None
        count = len(self.links)
        found = self._ask(
            "version", lambda: packages.read(self._clients, self._known, model.package)
        )
        if found is None and len(self.links) == count:
            self._lacks("version", f"{model.package}, the model's tag package, is gone")
        return found

    def _version(self, one: Package, source: str) -> None:
        self._has("version", f"{one.label}, {one.name or one.id}", source)
        self._has("status", one.status, "registered")
        self._has("verdict", one.description or "none was told", "registered")

    def _compare(self, model: ServedModel, one: Package) -> None:
        """A model that is not made of what was registered is another model."""
        for what, has, registered in (
            ("image", model.image, one.image),
            ("data", model.data, one.model_data),
        ):
            if has != registered:
                self._lacks(
                    f"same {what}", f"model {model.name} has {has}, the version {registered}"
                )

    def _evaluation(self, one: Package) -> None:
        self._told("evaluation", one, "evaluation-job")
        self._told("report", one, "evaluation")

    def _training(self, one: Package | None, model_data: str, source: str) -> None:
        """The job; where no version tells of it, by where it has put its model."""
        self._has("model data", model_data or "none", source)
        name = one.metadata.get("training-job", "") if one else ""
        path = re.search(r"/([A-Za-z0-9-]+)/output/model\.tar\.gz$", model_data)
        job = name or (path[1] if path else "")
        if not job:
            self._lacks("training job", "neither the version nor the place of its model names it")
            return
        described = self._ask(
            "training job",
            lambda: self._clients.sagemaker.describe_training_job(TrainingJobName=job),
        )
        if described:
            ended = described.get("TrainingEndTime")
            when = f", {ended:%Y-%m-%d %H:%M} UTC" if ended else ""
            text = f"{job}, {described['TrainingJobStatus']}{when}"
            self._has("training job", text, "registered" if name else "model data")
            settings = described.get("HyperParameters", {})
            told = ", ".join(f"{key}={value}" for key, value in sorted(settings.items()))
            self._has("settings", told or "those of the image", "training job")
        if one:
            self._told("data", one, "data-uri")
            self._told("data sha256", one, "data")
        elif described:
            for channel in described.get("InputDataConfig", [])[:1]:
                uri = channel["DataSource"].get("S3DataSource", {}).get("S3Uri", "")
                self._has("data", uri, "training job")

    def _images(self, one: Package | None, serving: str, source: str) -> None:
        """The images by digest, and the tags that tell which commit each was built from."""
        self._image("serving image", serving, source)
        if one:
            trained = one.metadata.get("training-image", "")
            self._image("training image", trained, "registered")

    def _image(self, what: str, image: str, source: str) -> None:
        repository, _, digest = image.partition("@")
        if not digest:
            self._lacks(what, f"{image or 'no image'}: it is not named by a digest")
            return
        self._has(what, digest, source)
        tags, name = what.replace("image", "tags"), repository.partition("/")[2]
        found = self._ask(
            tags,
            lambda: self._clients.ecr.describe_images(
                repositoryName=name, imageIds=[{"imageDigest": digest}]
            )["imageDetails"],
        )
        if found:
            self._has(tags, ", ".join(sorted(found[0].get("imageTags", []))), "ECR")

    def _commit(self, commit: str, source: str) -> None:
        """The commit as git knows it: its author is who git was told, not who has pushed."""
        if not commit:
            self._lacks("commit", "neither the version nor the model names it")
            return
        self._has("commit", commit, source)
        found = self._ask(
            "author",
            lambda: self._clients.codecommit.get_commit(
                repositoryName=self._known["RepositoryName"], commitId=commit
            )["commit"],
        )
        if found:
            author = found.get("author", {})
            self._has("author", f"{author.get('name', '')} <{author.get('email', '')}>", "commit")
            self._has("written", written(author.get("date", "")), "commit")
            subject = found.get("message", "").strip().splitlines()
            self._has("subject", subject[0] if subject else "", "commit")

    def _people(self, one: Package) -> None:
        """Who started it, who forced it, who decided."""
        self._told("started by", one, "triggered-by")
        kind, by = one.metadata.get("trigger", ""), one.metadata.get("triggered-by", "unknown")
        if kind == "other":
            # Only of what starts with a pipeline's creation is it known by whom
            # (buildspec/image.yml)
            how = "neither a push nor a person's start" if by == "unknown" else CREATED
            self._has("trigger", how, "registered")
        elif kind:
            self._has("trigger", asking.in_words(kind, by), "registered")
        else:
            self._told("trigger", one, "trigger")
        self._has("workflow", one.execution or "unknown", "registered")
        if one.metadata.get("forced-by"):
            self._told("forced by", one, "forced-by")
            self._told("because", one, "forced-because")
        if one.metadata.get("decided-by"):
            self._told("decided by", one, "decided-by")
            self._told("decided at", one, "decided-at")
            self._has("reason", one.reason or "none was given", "registered")
        elif one.status == PENDING:
            self._lacks("decided by", "nobody yet: it waits for approval")
        else:
            self._lacks("decided by", "no person: the workflow did, by the verdict above")


def written(date: str) -> str:
    """When, by seconds and offset as git writes them (AWS: CodeCommit, UserInfo)."""
    seconds, _, offset = date.partition(" ")
    if not seconds.isdecimal():
        return date
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d %H:%M} UTC ({offset})"
