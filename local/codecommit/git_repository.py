"""Bare git repositories on disk, driven with the git program; knows nothing of HTTP or AWS."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MODES = {"NORMAL": "100644", "EXECUTABLE": "100755", "SYMLINK": "120000"}
NO_COMMIT = "0" * 40


class GitError(Exception):
    """git refused; the message is git's own."""


@dataclass(frozen=True)
class TreeEntry:
    """One line of a tree: mode and type as git prints them, path from the root."""

    mode: str
    type: str
    id: str
    path: str

    @property
    def file_mode(self) -> str:
        return next((name for name, mode in MODES.items() if mode == self.mode), "NORMAL")


@dataclass(frozen=True)
class FileChange:
    """A file of a commit: content None deletes it."""

    path: str
    content: bytes | None
    mode: str = "NORMAL"


def environment() -> dict[str, str]:
    """Variables for git that keep the person's and the machine's configuration out."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
    }


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.folder)]
        subprocess.run(command, check=True, env=environment())
        self.git("config", "http.receivepack", "true")

    def delete(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def git(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        """The output of `git <arguments>` in this repository; raises GitError."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            input=stdin,
            capture_output=True,
            env=environment(),
        )
        if done.returncode:
            raise GitError(done.stderr.decode(errors="replace").strip())
        return done.stdout

    def references(self) -> dict[str, str]:
        """Full reference name -> object id."""
        form = "--format=%(refname) %(objectname)"
        lines = self.git("for-each-ref", form, "refs/heads/", "refs/tags/").decode().splitlines()
        pairs = (line.partition(" ") for line in lines)
        return {name: identifier for name, _, identifier in pairs}

    def branches(self) -> dict[str, str]:
        """Branch name -> commit id."""
        return {
            name.removeprefix("refs/heads/"): commit
            for name, commit in self.references().items()
            if name.startswith("refs/heads/")
        }

    def default_branch(self) -> str | None:
        """The branch that HEAD names; the first one pushed becomes it, as in CodeCommit."""
        branches = self.branches()
        head = self.git("symbolic-ref", "HEAD").decode().strip().removeprefix("refs/heads/")
        if branches and head not in branches:
            head = next(iter(branches))
            self.git("symbolic-ref", "HEAD", f"refs/heads/{head}")
        return head if branches else None

    def commit_id(self, specifier: str) -> str | None:
        """The commit that a branch, tag, HEAD or id names."""
        options = ("--verify", "--quiet", "--end-of-options")
        try:
            found = self.git("rev-parse", *options, f"{specifier}^{{commit}}")
            return found.decode().strip()
        except GitError:
            return None

    def set_branch(self, branch: str, commit: str, previous: str | None) -> None:
        """Move a branch, or raise GitError if it is no longer at `previous`."""
        self.git("update-ref", f"refs/heads/{branch}", commit, previous or NO_COMMIT)

    def describe(self, commit: str) -> dict[str, str]:
        """id, tree, parents, names, mail addresses, dates (`<epoch seconds> +0000`), message."""
        keys = [
            "id",
            "tree",
            "parents",
            "author",
            "author_email",
            "author_date",
            "committer",
            "committer_email",
            "committer_date",
            "message",
        ]
        text = "%H%x00%T%x00%P%x00%an%x00%ae%x00%ad%x00%cn%x00%ce%x00%cd%x00%B"
        out = self.git("show", "--no-patch", "--date=raw", f"--format={text}", commit)
        return dict(zip(keys, out.decode(errors="replace").split("\0"), strict=True))

    def tree(self, commit: str, *, recursive: bool = True, folder: str = "") -> list[TreeEntry]:
        flags = ["-r"] if recursive else []
        where = f"{commit}:{folder}" if folder else commit
        out = self.git("ls-tree", "-z", *flags, where).decode()
        prefix = f"{folder}/" if folder else ""
        entries = []
        for line in filter(None, out.split("\0")):
            head, _, path = line.partition("\t")
            mode, kind, identifier = head.split(" ")
            entries.append(TreeEntry(mode, kind, identifier, prefix + path))
        return entries

    def blob(self, identifier: str) -> bytes:
        return self.git("cat-file", "blob", identifier)

    def archive(self, commit: str) -> bytes:
        """The commit's files as a zip; of a submodule it has only the empty folder."""
        return self.git("archive", "--format=zip", commit)

    def write_commit(
        self,
        changes: Iterable[FileChange],
        parent: str | None,
        author: Mapping[str, str],
        message: str,
        now: int,
    ) -> str:
        """Write one commit on `parent` without moving a branch; author has name and email."""
        reference = f"refs/pending/{uuid.uuid4()}"
        who = f"{author['name']} <{author['email']}> {now} +0000"
        text = message.encode()
        lines = [
            f"commit {reference}\nauthor {who}\ncommitter {who}\ndata {len(text)}\n".encode(),
            text,
            b"\n",
        ]
        if parent:
            lines.append(f"from {parent}\n".encode())
        for change in changes:
            if change.content is None:
                lines.append(f"D {change.path}\n".encode())
            else:
                head = f"M {MODES[change.mode]} inline {change.path}\ndata {len(change.content)}\n"
                lines += [head.encode(), change.content, b"\n"]
        self.git("fast-import", "--quiet", "--done", stdin=b"".join(lines) + b"done\n")
        commit = self.git("rev-parse", reference).decode().strip()
        self.git("update-ref", "-d", reference)
        return commit
