"""`docker build`: a Dockerfile and a context become a folder root/ and a config.json.

RUN is not executed: what it would install comes from this endpoint's own environment.
"""

import json
import posixpath
import shutil
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.docker.dockerfile import Instruction, command, expand, flags, pairs, parse, words
from local.docker.files import copy
from local.refusals import unsupported

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RUN_NOTICE = (
    "RUN is not executed by the local docker: packages come from the endpoint's own environment"
)


@dataclass
class ImageStage:
    """One stage of a Dockerfile: its file system and its configuration as they grow."""

    root: Path
    arguments: dict[str, str]
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": DEFAULT_PATH})
    workdir: str = "/"
    labels: dict[str, str] = field(default_factory=dict)
    ports: list[str] = field(default_factory=list)
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def expand(self, text: str) -> str:
        return expand(text, {**self.arguments, **self.environment})

    def config(self) -> dict[str, Any]:
        """As `docker inspect` names it."""
        return {
            "Env": self.environment,
            "WorkingDir": self.workdir,
            "Labels": self.labels,
            "ExposedPorts": self.ports,
            "User": self.user,
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
        }


@dataclass
class ImageBuild:
    """One run of `docker build`; `folder` holds a root per stage while it runs."""

    context: Path
    folder: Path
    build_arguments: Mapping[str, str]
    say: Callable[[str], None]
    global_arguments: dict[str, str] = field(default_factory=dict)
    stages: dict[str, ImageStage] = field(default_factory=dict)
    notices: set[str] = field(default_factory=set)

    def run(self, dockerfile: str, target: str | None, image: Path) -> None:
        """Build `target` (default: the last stage) into the folder `image`.

        Raises DockerfileError.
        """
        instructions = parse(dockerfile)
        stage = None
        for number, instruction in enumerate(instructions, 1):
            if instruction.name == "FROM":
                if target in self.stages and stage is self.stages[target or ""]:
                    break
                stage = self._from(instruction)
            elif instruction.name == "ARG":
                self._argument(instruction, stage)
            elif stage is None:
                raise instruction.error(f"{instruction.name} before FROM")
            else:
                self._apply(instruction, stage)
            self.say(f"Step {number}/{len(instructions)} : {instruction.name} {instruction.text}")
        if stage is None or (target and self.stages.get(target) is not stage):
            raise instructions[-1].error(f"target stage {target} could not be found")
        image.mkdir(parents=True)
        stage.root.rename(image / "root")
        (image / "config.json").write_text(json.dumps(stage.config(), indent=1, sort_keys=True))

    def _from(self, instruction: Instruction) -> ImageStage:
        options, rest = flags(words(expand(instruction.text, self.global_arguments)))
        if options.keys() - {"platform"} or len(rest) not in (1, 3) or not rest[0]:
            raise instruction.error("expected FROM [--platform=P] image [AS name]")
        root = self.folder / str(len(self.stages))
        base = self.stages.get(rest[0])
        if base:
            shutil.copytree(base.root, root, symlinks=True)
            # Arguments too are inherited (Docker docs, "Build variables", Scoping)
            stage = replace(deepcopy(base), root=root)
        else:
            root.mkdir(parents=True)
            stage = ImageStage(root, {})
        index = str(len({id(known) for known in self.stages.values()}))
        self.stages[index] = stage
        if len(rest) == 3:
            self.stages[rest[2]] = stage
        return stage

    def _argument(self, instruction: Instruction, stage: ImageStage | None) -> None:
        name, equals, default = instruction.text.partition("=")
        known = stage.arguments if stage else self.global_arguments
        if name in self.build_arguments:
            known[name] = self.build_arguments[name]
        elif equals:
            text = "".join(words(default))
            known[name] = stage.expand(text) if stage else expand(text, self.global_arguments)
        elif name in self.global_arguments:
            known[name] = self.global_arguments[name]

    def _apply(self, instruction: Instruction, stage: ImageStage) -> None:
        text = stage.expand(instruction.text)
        match instruction.name:
            case "ENV":
                stage.environment |= pairs(instruction, stage.expand)
            case "LABEL":
                stage.labels |= pairs(instruction, stage.expand)
            case "WORKDIR":
                stage.workdir = posixpath.normpath(posixpath.join(stage.workdir, *words(text)))
                (stage.root / stage.workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "EXPOSE":
                stage.ports += words(text)
            case "USER":
                stage.user = text
            case "ENTRYPOINT":
                stage.entrypoint, stage.command = command(instruction), ()
            case "CMD":
                stage.command = command(instruction)
            case "COPY":
                self._copy(instruction, text, stage)
            case "RUN":
                self._notice(RUN_NOTICE)

    def _copy(self, instruction: Instruction, text: str, stage: ImageStage) -> None:
        options, rest = flags(json.loads(text) if text.startswith("[") else words(text))
        if options.keys() - {"from", "chown", "chmod", "link"} or "<<" in text:
            raise instruction.error(unsupported("this form of COPY"))
        if "chown" in options:
            self._notice("COPY --chown is ignored by the local docker")
        source = self.context
        if "from" in options:
            if options["from"] not in self.stages:
                raise instruction.error(f"COPY --from={options['from']} names no earlier stage")
            source = self.stages[options["from"]].root
        destination = posixpath.join(stage.workdir, rest[-1]) if rest else ""
        try:
            copy(source, rest[:-1], stage.root, destination, options.get("chmod"))
        except (ValueError, OSError) as error:
            raise instruction.error(str(error)) from None

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.add(text)
            self.say(f"NOTICE: {text}")
