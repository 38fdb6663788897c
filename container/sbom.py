"""The bill of materials of an image: its Python packages, Python itself, and Debian's packages.

sbom.py IMAGE ENVIRONMENT FILE   writes CycloneDX as JSON, without times and random numbers, so
                                 that the same packages give the same bytes

The image is built with it (Dockerfile), and does not hold its requirements. Debian's packages come
without their licences, which are texts in /usr/share/doc/<package>/copyright.
"""

import json
import platform
import re
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from urllib.parse import quote

LISTING = r"${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"


def main(image: str, environment: str, file: str) -> None:
    program = Path(sys.executable).with_name("cyclonedx-py")
    options = ("--gather-license-texts", "--output-reproducible", environment)
    bill = json.loads(output(str(program), "environment", *options))
    bill["metadata"]["component"] = {"type": "container", "bom-ref": image, "name": image}
    paths = [str(path) for path in Path(environment).glob("lib/python3.*/site-packages")]
    installed = {f"{each.name}=={each.version}": each for each in distributions(path=paths)}
    for component in bill["components"]:
        if not component.get("licenses"):
            component["licenses"] = license_files(installed[component["bom-ref"]])
    system = platform.freedesktop_os_release()
    release = f"{system['ID']}-{system['VERSION_ID']}"
    bill["components"] += [python(platform.python_version())]
    bill["components"] += debian(output("dpkg-query", "--show", "--showformat", LISTING), release)
    Path(file).write_text(json.dumps(bill, indent=1) + "\n")


def license_files(package: Distribution) -> list[dict[str, object]]:
    """The licences of a package that has only their texts."""
    named = re.compile(r".+\.dist-info/(.+/)?(licen[cs]e|copying)[^/]*", re.IGNORECASE)
    files = [path for path in package.files or () if named.fullmatch(str(path))]
    return [
        {"license": {"name": path.name, "text": {"content": path.read_text()}}} for path in files
    ]


def python(version: str) -> dict[str, object]:
    return {
        "type": "application",
        "bom-ref": f"python=={version}",
        "name": "python",
        "version": version,
        "licenses": [{"license": {"id": "Python-2.0.1"}}],
        "purl": f"pkg:generic/python@{version}",
        "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
    }


def debian(listing: str, release: str) -> list[dict[str, str]]:
    """The installed packages of what dpkg-query lists as LISTING; release: `debian-12`."""
    found = []
    for line in sorted(listing.splitlines()):
        status, name, version, architecture = line.split("\t")
        if status == "installed":
            # What a package URL holds as it is (purl-spec, "Character encoding")
            at = f"{quote(name)}@{quote(version, safe=':')}"
            url = f"pkg:deb/debian/{at}?arch={architecture}&distro={release}"
            package = {"type": "library", "bom-ref": url, "name": name, "version": version}
            found.append({**package, "purl": url})
    return found


def output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
