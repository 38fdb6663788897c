"""The bill of materials that an image carries."""

import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.image import CONTEXT, write_sbom
from tests.image.containers import Image

pytestmark = pytest.mark.image

ENVIRONMENT = "import json, packaging.markers as m; print(json.dumps(m.default_environment()))"


def pins(lock: Path, environment: dict[str, str]) -> set[str]:
    """The package URLs of what the lock installs where `environment` tells of."""
    lines = re.findall(r"^([\w.-]+==.+?) \\$", lock.read_text(), re.MULTILINE)
    found = [Requirement(line) for line in lines]
    return {
        f"pkg:pypi/{canonicalize_name(each.name)}@{each.specifier}".replace("@==", "@")
        for each in found
        if each.marker is None or each.marker.evaluate(environment)
    }


@pytest.mark.parametrize(
    ("target", "lock"), [("train", "requirements.txt"), ("serve", "requirements-serve.txt")]
)
def test_it_lists_what_was_installed_and_what_was_there(
    request: pytest.FixtureRequest, target: str, lock: str
) -> None:
    image: Image = request.getfixturevalue(f"{target}_image")
    environment = json.loads(image.run("python3", "-c", ENVIRONMENT).stdout)
    bill = json.loads(write_sbom(image.program, target).read_text())
    packages = {each["purl"]: each for each in bill["components"]}
    from_pypi = {url for url in packages if url.startswith("pkg:pypi/")}
    assert from_pypi == pins(CONTEXT / lock, environment)
    assert all(packages[url].get("version") and packages[url].get("licenses") for url in from_pypi)
    assert f"pkg:generic/python@{environment['python_full_version']}" in packages
    assert any(url.startswith("pkg:deb/debian/libc6@") for url in packages)
    print(f"{target}: {len(from_pypi)} Python packages of {len(packages)} components")
