"""The product knows the local endpoint as it knows AWS: by its address alone. Tests may look in."""

from itertools import chain

from local.tests.reading import ROOT, crossings

PRODUCT = ("templates", "scripts", "container", "benchmarks")


def test_the_product_imports_nothing_of_the_local_endpoint() -> None:
    files = chain.from_iterable((ROOT / name).rglob("*.py") for name in PRODUCT)
    assert crossings(chain(files, [ROOT / "generate.py"]), {"local"}) == []
