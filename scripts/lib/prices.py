"""What one of each thing costs, and who says so: the project's own table, or AWS where it is asked.

The table lies beside this file. It knows two regions; another one is reckoned with the prices of
whichever is nearer, and says so. China and GovCloud have prices of their own, which it does not
know.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_suffix(".toml")
# Which of the two is nearer, by the first part of a region's name
_NEAR_IRELAND = ("eu", "eusc", "af", "il", "me")
_AMERICA, _IRELAND = "us-east-1", "eu-west-1"
# Of SageMaker's products, those that have the prices which vary
_FAMILIES = ("ML Instance", "ML Serverless")
_USAGE = re.compile(r"(?:^|-)(Host|Train|Processing|Notebk):(ml\.[a-z0-9.-]+)$")
_SERVERLESS = re.compile(r"ServerlessInf:Mem-(\d+)GB$")


@dataclass(frozen=True)
class Price:
    """Of one `unit` of an item, in a region, as a source had it on a day."""

    item: str
    amount: float
    unit: str
    region: str
    date: str
    source: str


@dataclass(frozen=True)
class Prices:
    """Those for one region. What AWS has told goes first, and is known by its use too, such as
    Host:ml.m5.large."""

    region: str
    table: tuple[Price, ...]
    asked: Mapping[str, Price]
    currency: str = "$"

    def of(self, item: str, use: str = "") -> Price | None:
        """The region's price, else the nearer region's, else the other one's."""
        name = f"{use}:{item}" if use else item
        if name in self.asked:
            return self.asked[name]
        return min(
            (one for one in self.table if one.item == item),
            key=lambda one: (
                (self.region, self.nearer).index(one.region)
                if one.region in (self.region, self.nearer)
                else 2
            ),
            default=None,
        )

    @property
    def nearer(self) -> str:
        return nearer(self.region)


def nearer(region: str) -> str:
    """The one that the table knows and that stands in for a region."""
    return _IRELAND if region.partition("-")[0] in _NEAR_IRELAND else _AMERICA


def known() -> tuple[Price, ...]:
    """The project's own table."""
    found = tomllib.loads(TABLE.read_text(encoding="utf-8"))["from"]
    return tuple(
        Price(item, amount, unit, one["region"], one["date"].isoformat(), one["source"])
        for one in found
        for unit, prices in one.items()
        if isinstance(prices, dict)
        for item, amount in prices.items()
    )


def ask(pricing: Any, region: str, currency: str) -> dict[str, Price]:
    """SageMaker's own prices of a region (GetProducts, AWS Price List API Reference)."""
    pages = pricing.get_paginator("get_products")
    found: dict[str, Price] = {}
    for family in _FAMILIES:
        filters = [
            {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region},
            {"Type": "TERM_MATCH", "Field": "productFamily", "Value": family},
        ]
        for page in pages.paginate(ServiceCode="AmazonSageMaker", Filters=filters):
            for text in page["PriceList"]:
                found |= {one.item: one for one in _read(json.loads(text), region, currency)}
    return found


def _read(product: Mapping[str, Any], region: str, currency: str) -> Iterator[Price]:
    """What one product says of an instance or of serverless answers; nothing of the others."""
    usage = product.get("product", {}).get("attributes", {}).get("usagetype", "")
    instance, serverless = _USAGE.search(usage), _SERVERLESS.search(usage)
    if not (instance or serverless):
        return
    day = str(product.get("publicationDate", ""))[:10]
    for offer in product.get("terms", {}).get("OnDemand", {}).values():
        for each in offer["priceDimensions"].values():
            amount = float(each["pricePerUnit"].get(currency, 0))
            if not amount:  # a free tier has a dimension of its own
                continue
            if instance:
                name = f"{instance[1]}:{instance[2]}"
                yield Price(name, amount, "hour", region, day, "AWS Price List")
            elif serverless:
                amount /= int(serverless[1])
                yield Price("serverless", amount, "GB-second", region, day, "AWS Price List")
