"""docker, as a build finds it on PATH."""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from local.docker import build, registry
from local.docker.dockerfile import DockerfileError
from local.docker.files import send
from local.docker.store import Store

UNSUPPORTED = 64  # EX_USAGE of sysexits.h
COMMANDS = "login, build, tag, push, inspect, version"


class _Unsupported(Exception):
    pass


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise _Unsupported(message)


def main(arguments: Sequence[str]) -> int:
    """Run one command; LOCAL_DOCKER_STORE and LOCAL_DOCKER_IMAGES name its folders."""
    store = Store(Path(os.environ["LOCAL_DOCKER_STORE"]))
    try:
        return _run(_parser().parse_args(list(arguments)), store)
    except _Unsupported as error:
        print(f"docker (local stand-in): {error}; it knows {COMMANDS}", file=sys.stderr)
        return UNSUPPORTED
    except (registry.RegistryError, DockerfileError, LookupError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> _Parser:
    parser = _Parser(prog="docker", add_help=False, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    login = commands.add_parser("login", add_help=False)
    login.add_argument("--username", "-u", required=True)
    login.add_argument("--password-stdin", action="store_true", required=True)
    login.add_argument("registry")
    made = commands.add_parser("build", add_help=False)
    made.add_argument("--tag", "-t", action="append", default=[])
    made.add_argument("--build-arg", action="append", default=[])
    made.add_argument("--file", "-f", type=Path)
    made.add_argument("--target")
    made.add_argument("--quiet", "-q", action="store_true")
    for without_effect in ("--pull", "--no-cache"):  # nothing is pulled, or cached
        made.add_argument(without_effect, action="store_true")
    made.add_argument("--platform", choices=["linux/amd64"])
    made.add_argument("context", type=Path)
    tag = commands.add_parser("tag", add_help=False)
    tag.add_argument("source")
    tag.add_argument("target")
    pushed = commands.add_parser("push", add_help=False)
    pushed.add_argument("name")
    inspected = commands.add_parser("inspect", add_help=False)
    inspected.add_argument("name")
    commands.add_parser("version", add_help=False)
    return parser


def _run(options: argparse.Namespace, store: Store) -> int:
    match options.command:
        case "login":
            host = options.registry.removeprefix("https://")
            registry.check_login(options.username, sys.stdin.read().strip(), host)
            store.login(host)
            print("Login Succeeded")
        case "build":
            _build(options, store)
        case "tag":
            store.tag(store.image(options.source)[0], options.target)
        case "push":
            _push(options.name, store)
        case "inspect":
            print((store.image(options.name)[1] / "config.json").read_text())
        case "version":
            print("Client: local stand-in for builds without a container engine")
    return 0


def _build(options: argparse.Namespace, store: Store) -> None:
    arguments = {}
    for given in options.build_arg:
        name, equals, value = given.partition("=")
        if equals or name in os.environ:  # without a value it is the environment's, if it is there
            arguments[name] = value if equals else os.environ[name]
    dockerfile = options.file or options.context / "Dockerfile"
    if not dockerfile.is_file():
        raise FileNotFoundError(f"failed to read dockerfile: open {dockerfile}: no such file")
    say = (lambda _line: None) if options.quiet else print
    scratch = store.scratch()
    try:
        send(options.context, scratch / "context")
        work = build.ImageBuild(scratch / "context", scratch / "stages", arguments, say)
        work.run(dockerfile.read_text(), options.target, scratch / "image")
        identifier = store.keep(scratch / "image", options.tag)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    say(f"Successfully built {identifier[:12]}")
    for tag in options.tag:
        say(f"Successfully tagged {tag}")
    if options.quiet:
        print(f"sha256:{identifier}")


def _push(name: str, store: Store) -> None:
    host, repository, tag = registry.split(name)
    image = store.image(name)[1]
    print(f"The push refers to repository [{host}/{repository}]")
    if not store.logged_in(host):
        raise registry.RegistryError("no basic auth credentials")
    digest = registry.push(image, repository, tag, Path(os.environ["LOCAL_DOCKER_IMAGES"]))
    print(f"{tag}: digest: {digest}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
