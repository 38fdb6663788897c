"""The bill of materials of an image, as far as it can be told without one."""

import sbom

LISTING = (
    "installed\tlibstdc++6\t12.2.0-14+deb12u1\tamd64\n"
    "config-files\told\t1\tamd64\n"
    "installed\tbsdutils\t1:2.38.1-5\tamd64\n"
)


def test_debian_packages_are_named_so_that_scanners_find_them_and_removed_ones_are_not() -> None:
    assert [package["purl"] for package in sbom.debian(LISTING, "debian-12")] == [
        "pkg:deb/debian/bsdutils@1:2.38.1-5?arch=amd64&distro=debian-12",
        "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12",
    ]
