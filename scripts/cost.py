"""What a stack costs: idle, for each training and deployment, and beside serverless and spot.

Of a stack that is there with its parameters, else with what is given and the defaults: before a
deployment nobody needs credentials.
"""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.cost")

import argparse
import json
import os
import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

import boto3
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

from scripts.create_stack import check_parameters, declared_parameters, parse_parameters, spelled
from scripts.lib import stacks
from scripts.lib.bill import Line, Section, bill, figure
from scripts.lib.bootstrap import TEMPLATE, read_template
from scripts.lib.console import Console
from scripts.lib.fitting import check_counts, check_monitoring
from scripts.lib.guard import guarded
from scripts.lib.prices import Prices, ask, known
from scripts.lib.problems import Problem
from scripts.lib.refusals import explain
from scripts.lib.session import Clients, add_session_arguments, check_region, connect

WHAT, AMOUNT = 13, 11  # columns


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.cost", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--parameters", default="", help="several: 'Key=Value Key=Value'")
    parser.add_argument("--ask", action="store_true", help="take SageMaker's prices from AWS")
    parser.add_argument("--json", action="store_true", help="all of it, for programs")
    args = parser.parse_args(argv)

    def work() -> int:
        try:
            given = parse_parameters(shlex.split(args.parameters))
        except ValueError as error:
            raise Problem(f"PARAMS={args.parameters} cannot be read: {error}") from None
        declared = declared_parameters(read_template(TEMPLATE))
        check_parameters(given, declared)
        defaults = {
            key: spelled(rule["Default"]) for key, rule in declared.items() if "Default" in rule
        }
        clients, why = reach(args.region, args.profile)
        region = clients.region if clients else region_of(args.region, args.profile)
        used = dict[str, str]()
        if clients:
            try:
                used = deployed(clients, args.stack)
            except (BotoCoreError, ClientError) as error:
                why = explain(error)
        what = f"Stack {args.stack}, as it is" if used else "A new stack, with the defaults"
        if given:
            what += f" but for {', '.join(f'{key}={value}' for key, value in given.items())}"
        chosen = {**defaults, **used, **given}
        check_counts(chosen)
        check_monitoring(chosen)
        prices, notes = find_prices(clients, region, args.ask)
        if why:
            notes.append(f"Whether there is a stack {args.stack} was not seen: {why}.")
        sections = bill(chosen, prices)
        if args.json:
            print(as_json(what, sections, prices, notes))
        else:
            show(f"{what}, in {region}", sections, prices, notes, Console())
        return 0

    return guarded(work, "Nothing was changed.")


def reach(region: str | None, profile: str | None) -> tuple[Clients | None, str]:
    """Clients, or why there are none, which only takes away what AWS could tell."""
    try:
        return connect(region, profile), ""
    except Problem as problem:
        return None, str(problem)


def region_of(region: str | None, profile: str | None) -> str:
    """Where the stack is to be, whoever asks."""
    try:
        session = boto3.Session(profile_name=profile or None)
    except ProfileNotFound:
        session = boto3.Session()
    found = region or os.environ.get("AWS_REGION") or session.region_name
    if not found:
        raise Problem("no region, and each has its prices: pass REGION=<region>")
    check_region(session, found)
    return found


def deployed(clients: Clients, stack: str) -> dict[str, str]:
    """The parameters of the stack, or none where there is no stack."""
    found = stacks.describe(clients.cloudformation, stack)
    return stacks.parameters(found) if found else {}


def find_prices(clients: Clients | None, region: str, asked: bool) -> tuple[Prices, list[str]]:
    """The prices for a region, and what has to be said of them."""
    china, gov = region.startswith("cn-"), region.startswith("us-gov-")
    table = () if china or gov else known()
    found, notes = {}, list[str]()
    if asked and clients:
        try:
            found = ask(clients.pricing, region, "CNY" if china else "USD")
            notes.append(f"AWS told {len(found)} prices of SageMaker just now.")
        except (BotoCoreError, ClientError) as error:
            notes.append(f"AWS did not tell its prices: {explain(error)}.")
    elif asked:
        notes.append("AWS could not be asked for its prices.")
    if gov:
        notes.append(
            "GovCloud's prices are not known here, and nobody can be asked there: a calculation "
            "with REGION=us-east-1 is near, and a little too low."
        )
    elif china:
        notes.append("China's prices are not known here, but for what ASK=1 asks, in yuan.")
    return Prices(region, tuple(table), found, "¥" if china else "$"), notes


def show(
    what: str,
    sections: Sequence[Section],
    prices: Prices,
    notes: Sequence[str],
    console: Console,
) -> None:
    """A row for each amount with its reckoning, and what the prices are."""
    console.paragraph(what, 0)
    for section in sections:
        console.line()
        console.line(section.title, "bold")
        for line in section.lines:
            row(line.what, amount(line, prices), line.words, console)
        if section.summed:
            more = "" if section.complete else "at least: not all prices are known"
            row("together", money(section.total, prices), more, console)
    console.line()
    for note in [*notes, *said(prices, sections)]:
        console.paragraph(note, 0)


def row(what: str, amount: str, words: str, console: Console) -> None:
    """The reckoning beside its amount, on as many lines as it takes."""
    first, *more = textwrap.wrap(
        words, console.width - 4 - WHAT - AMOUNT, break_on_hyphens=False
    ) or [""]
    console.line(f"  {what:<{WHAT}}{amount:>{AMOUNT}}  {first}".rstrip())
    for line in more:
        console.line(f"  {'':<{WHAT + AMOUNT}}  {line}")


def amount(line: Line, prices: Prices) -> str:
    return "not known" if line.amount is None else money(line.amount, prices)


def money(amount: float, prices: Prices) -> str:
    """To the cent, and where that says little, to a hundredth of one."""
    text = f"{amount:,.2f}" if amount >= 0.1 or amount == 0 else figure(round(amount, 4))
    return f"{prices.currency}{text}"


def said(prices: Prices, sections: Sequence[Section]) -> list[str]:
    """How old the table is, and whose prices stand in."""
    if not prices.table:
        return []
    dates = sorted(one.date for one in prices.table)
    notes = [
        f"Prices as of {dates[0]} to {dates[-1]}, without tax, on demand, nothing taken off for "
        "free allowances; scripts/lib/prices.toml says where each is from."
    ]
    if not any(one.region == prices.region for one in prices.table):
        notes.append(
            f"Of {prices.region} no price is known here: those of {prices.nearer}, the nearer of "
            "two that are known, stand in. ASK=1 asks AWS for the region's own."
        )
    elif prices.region != "us-east-1":
        notes.append("A price with the name of another region stands in for one that is not known.")
    if not prices.asked and not all(section.complete for section in sections):
        notes.append("What the table does not know, ASK=1 asks AWS for.")
    return notes


def as_json(what: str, sections: Sequence[Section], prices: Prices, notes: Sequence[str]) -> str:
    whole = {
        "what": what,
        "region": prices.region,
        "currency": "CNY" if prices.currency == "¥" else "USD",
        "sections": [
            {
                "title": section.title,
                "lines": [asdict(line) for line in section.lines],
                **(
                    {"together": section.total, "complete": section.complete}
                    if section.summed
                    else {}
                ),
            }
            for section in sections
        ],
        "notes": [*notes, *said(prices, sections)],
        "prices": [asdict(one) for one in (*prices.asked.values(), *prices.table)],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)
