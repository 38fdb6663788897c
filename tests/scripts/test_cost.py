"""What a stack costs is reckoned as a person would, from prices that somebody can look up."""

import io
import json
import math
import re
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest

import generate
from scripts import cost
from scripts.create_stack import declared_parameters, spelled
from scripts.lib import bill
from scripts.lib.console import Console
from scripts.lib.prices import Prices, ask, known
from scripts.lib.session import Clients
from tests.permissions.deployed import emit
from tests.scripts.conftest import REGION, Stubs
from tests.templates.reading import of_type, read, walk

ROOT = Path(generate.__file__).parent
TIMES = "\N{MULTIPLICATION SIGN}"
KNOWN_REGIONS = ("us-east-1", "eu-west-1")
# What AWS bills by the month, used or not, of the types that a template may have
BY_THE_MONTH = {
    *("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::KMS::Key"),
    *("AWS::SecretsManager::Secret", "AWS::EC2::NatGateway", "AWS::EC2::VPCEndpoint"),
    *("AWS::Route53::HostedZone", "AWS::Config::ConfigRule", "AWS::Synthetics::Canary"),
}


@pytest.fixture(scope="module")
def emitted() -> str:
    return emit()["mlops"]


@pytest.fixture(scope="module")
def template(emitted: str) -> dict[str, Any]:
    return read(emitted)


@pytest.fixture(scope="module")
def defaults(emitted: str) -> dict[str, str]:
    declared = declared_parameters(emitted)
    return {name: spelled(one["Default"]) for name, one in declared.items() if "Default" in one}


def prices(region: str = "us-east-1", **asked: Any) -> Prices:
    return Prices(region, known(), asked)


def amounts(sections: list[bill.Section]) -> dict[str, float | None]:
    return {line.what: line.amount for section in sections for line in section.lines}


# ---- the table


def test_a_price_has_a_source_that_can_be_looked_up_and_a_day() -> None:
    for price in known():
        assert price.source.startswith("https://"), price
        assert price.amount > 0 and price.unit and price.region in KNOWN_REGIONS, price
        assert date(2020, 1, 1) < date.fromisoformat(price.date) <= date.today(), price


@pytest.mark.parametrize("region", KNOWN_REGIONS)
def test_what_the_stack_runs_on_by_default_has_a_price_of_its_region(
    region: str, defaults: dict[str, str]
) -> None:
    for name, kind in defaults.items():
        if name.endswith("InstanceType"):
            price = prices(region).of(kind)
            assert price and price.region == region, f"{name}: {kind} in {region}"


def test_the_nearer_of_the_known_regions_stands_in() -> None:
    def of(region: str, item: str) -> str:
        price = prices(region).of(item)
        return price.region if price else ""

    assert of("eu-central-1", "ml.m5.large") == of("me-south-1", "ml.m5.large") == "eu-west-1"
    assert of("us-west-2", "ml.m5.large") == of("ap-south-1", "ml.m5.large") == "us-east-1"
    # What only the other one has is better than nothing
    assert of("us-east-1", "ml.g5.xlarge") == "eu-west-1"
    assert of("eu-west-1", "key") == "us-east-1"
    assert of("us-east-1", "ml.x99.large") == ""


# ---- the bill and the template


def test_what_is_billed_by_the_month_is_on_the_bill(template: dict[str, Any]) -> None:
    types = {resource["Type"] for resource in template["Resources"].values()}
    billed = {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::KMS::Key"}
    assert types & BY_THE_MONTH == billed, (
        "let _idle in scripts/lib/bill.py reckon with what is new, and docs/cost.md"
    )
    metrics = 0
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        metrics += sum("MetricStat" in query for query in alarm.get("Metrics", [])) or 1
    assert metrics == bill.ALARM_METRICS
    assert len(of_type(template, "AWS::KMS::Key")) == bill.KEYS


def test_the_builds_run_on_what_the_table_has_a_price_of(template: dict[str, Any]) -> None:
    for project in of_type(template, "AWS::CodeBuild::Project").values():
        assert project["Environment"]["ComputeType"] == "BUILD_GENERAL1_MEDIUM"
    (notebook,) = of_type(template, "AWS::SageMaker::NotebookInstance").values()
    assert notebook["VolumeSizeInGB"] == bill.NOTEBOOK_GB


def test_scaling_brings_as_many_alarms_as_are_reckoned(defaults: dict[str, str]) -> None:
    """Target tracking makes one to grow and one to shrink (README.md, What it costs)."""
    more = {**defaults, "EndpointMaxInstanceCount": "3"}
    without, scaling = (amounts(bill.bill(one, prices()))["alarms"] for one in (defaults, more))
    assert without and scaling and scaling - without == pytest.approx(0.2)


@pytest.mark.parametrize("region", [*KNOWN_REGIONS, "ap-southeast-2", "eu-north-1"])
def test_an_idle_serverless_stack_costs_less_than_five_dollars(
    region: str, defaults: dict[str, str]
) -> None:
    idle = bill.bill({**defaults, "EndpointKind": "Serverless"}, prices(region))[0]
    assert idle.complete and 0 < idle.total < 5, [*idle.lines]


@pytest.mark.parametrize(
    ("rollout", "count", "percent", "times"),
    [
        ("AllAtOnce", "4", "20", 1),
        ("Canary", "1", "20", 1),  # one instance has no part
        ("Canary", "4", "20", 2),
        ("Linear", "10", "25", 4),
        ("Linear", "3", "10", 3),  # a step is one instance at least
        ("Linear", "50", "10", 10),
    ],
)
def test_a_deployment_doubles_the_endpoint_as_long_as_it_is_watched(
    defaults: dict[str, str], rollout: str, count: str, percent: str, times: int
) -> None:
    chosen = {
        **defaults,
        "Rollout": rollout,
        "EndpointInstanceCount": count,
        "RolloutPercent": percent,
        "RolloutBakeSeconds": "600",
    }
    assert bill.watches(chosen) == times
    minutes = bill.START_MINUTES + times * 10
    price = 0.115 * int(count) * minutes / 60
    assert amounts(bill.bill(chosen, prices()))["second fleet"] == pytest.approx(price)


def test_tuning_costs_as_many_trainings_and_waits_for_those_at_once(
    defaults: dict[str, str],
) -> None:
    tuned = {**defaults, "TuningJobs": "10", "TuningParallelJobs": "5"}
    once, ten = (amounts(bill.bill(one, prices())) for one in (defaults, tuned))
    assert once["training"] and ten["training"] == pytest.approx(10 * once["training"])
    assert ten["pipeline"] == pytest.approx(0.002 * (13 + 2 * 60 + 10 + 13))


# ---- the documents


def rows(page: str) -> list[list[str]]:
    """The cells of each row of the page's tables that is a calculation."""
    cells = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("|")]
    return [
        [each.strip() for each in row]
        for row in cells
        if re.search(r"\d (\N{MULTIPLICATION SIGN}|\+)", row[1])
    ]


def test_the_calculation_by_hand_is_what_the_command_says(defaults: dict[str, str]) -> None:
    page = (ROOT / "docs/cost.md").read_text(encoding="utf-8")
    found = bill.bill(defaults, prices())
    said = {line.what: line.amount for section in found for line in section.lines}
    totals = {section.title: section.total for section in found if section.summed}
    by_hand = rows(page)
    assert {row[0] for row in by_hand} == (said.keys() | totals.keys()) - {"spot, from"}
    for what, calculation, result in by_hand:
        terms = [math.prod(map(number, one.split(TIMES))) for one in calculation.split("+")]
        assert sum(terms) == pytest.approx(float(result), abs=0.0006), f"{what}: {calculation}"
        real = {**said, **totals}[what]
        assert real == pytest.approx(float(result), abs=0.0006), f"{what}: `make cost` says {real}"


def number(text: str) -> float:
    over, _, under = text.replace(",", "").strip().partition("/")
    return float(over) / float(under or 1)


def test_the_page_shows_what_the_command_prints(
    defaults: dict[str, str], console: Console, page: io.StringIO
) -> None:
    shown = re.search(
        r"```console\n\$ make cost REGION=us-east-1\n(.*?)```",
        (ROOT / "docs/cost.md").read_text(encoding="utf-8"),
        re.S,
    )
    assert shown
    what = "A new stack, with the defaults, in us-east-1"
    cost.show(what, bill.bill(defaults, prices()), prices(), [], console)
    assert page.getvalue() == shown[1], "copy what `make cost REGION=us-east-1` prints"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_figures_of_the_readme_are_the_commands(name: str, defaults: dict[str, str]) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    serverless = {**defaults, "EndpointKind": "Serverless"}
    for region in KNOWN_REGIONS:
        steady, training, deployment, look, _ = bill.bill(defaults, prices(region))
        idle = bill.bill(serverless, prices(region))[0]
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {region} |"))
        figures = [one.total for one in (steady, idle, training, deployment, look)]
        assert re.findall(r"\$([\d.]+)", row) == [f"{one:.2f}" for one in figures], row


# ---- asking AWS


def product(usage: str, amount: str, unit: str = "Hrs", currency: str = "USD") -> str:
    dimensions = {
        "free": {"unit": unit, "pricePerUnit": {currency: "0.0000000000"}},
        "paid": {"unit": unit, "pricePerUnit": {currency: amount}},
    }
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage}},
            "terms": {"OnDemand": {"x": {"priceDimensions": dimensions}}},
            "publicationDate": "2026-11-01T00:00:00Z",
        }
    )


def answers(stub: Stubs, currency: str = "USD") -> None:
    instances = [
        product("EUC1-Host:ml.m5.large", "0.138", currency=currency),
        product("EUC1-Train:ml.m5.xlarge", "0.276", currency=currency),
        product("EUC1-AsyncInf:ml.m5.large", "9", currency=currency),
        json.dumps({"product": {}}),
    ]
    serverless = [
        product("EUC1-ServerlessInf:Mem-3GB", "0.00009", "seconds", currency),
        product("EUC1-ProvisionedConcurrency:Mem-3GB", "9", "seconds", currency),
    ]
    for found in (instances, serverless):
        stub["pricing"].add_response("get_products", {"PriceList": found})


def test_what_aws_tells_goes_before_the_table(
    clients: Clients, stub: Stubs, defaults: dict[str, str]
) -> None:
    answers(stub)
    told = ask(clients.pricing, REGION, "USD")
    assert set(told) == {"Host:ml.m5.large", "Train:ml.m5.xlarge", "serverless"}
    found = amounts(bill.bill(defaults, Prices(REGION, known(), told)))
    assert found["endpoint"] == pytest.approx(0.138 * 730)
    assert found["training"] == pytest.approx(0.276)
    assert found["evaluation"] == pytest.approx(0.128 / 6), "not told: the table's"
    assert found["serverless"] == pytest.approx(1000 * 0.1 * 0.00009)


def test_a_refusal_leaves_the_table(clients: Clients, stub: Stubs) -> None:
    stub["pricing"].add_client_error("get_products", "AccessDeniedException", "no")
    found, notes = cost.find_prices(clients, REGION, True)
    assert not found.asked and found.of("ml.m5.large")
    assert "AWS did not tell its prices" in notes[0]


@pytest.mark.parametrize(
    ("region", "where"),
    [
        ("eu-west-1", "eu-central-1"),
        ("ap-northeast-1", "ap-south-1"),
        ("us-west-2", "us-east-1"),
        ("sa-east-1", "us-east-1"),
        ("cn-north-1", "cn-northwest-1"),
    ],
)
def test_the_price_list_is_asked_where_it_is(region: str, where: str) -> None:
    assert Clients(boto3.Session(region_name=region)).pricing.meta.region_name == where


@pytest.mark.parametrize(
    ("region", "word"), [("cn-north-1", "China's prices"), ("us-gov-west-1", "GovCloud's prices")]
)
def test_no_price_stands_in_for_another_partitions(
    region: str, word: str, defaults: dict[str, str]
) -> None:
    found, notes = cost.find_prices(None, region, False)
    assert any(word in note for note in notes)
    idle = bill.bill(defaults, found)[0]
    assert idle.total == 0 and not idle.complete


# ---- the command


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, emitted: str) -> None:
    """Somebody without credentials, in a folder where the template was generated."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build/mlops.yaml").write_text(emitted, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
def test_the_bill_fits_a_terminal_and_needs_no_account(
    region: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = "NotebookEnabled=true Rollout=Linear EndpointInstanceCount=12 TuningJobs=10"
    code = cost.main(["--region", region, "--parameters", given, "--ask"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert max(map(len, printed.out.splitlines())) <= 80
    assert "AWS could not be asked" in printed.out and "no AWS credentials" in printed.out
    assert ("those of eu-west-1, the nearer" in " ".join(printed.out.split())) == (
        region == "eu-central-1"
    )


@pytest.mark.usefixtures("nobody")
def test_programs_read_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cost.main(["--region", "eu-west-1", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["sections"][0]["together"] == pytest.approx(0.128 * 730 + 2.0, abs=0.01)
    assert all(one["source"] and one["date"] for one in whole["prices"])


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--region", "eu-west-1", "--parameters", "EndpointKnd=Serverless"], "did you mean"),
        (["--region", "eu-west-1", "--parameters", "TuningJobs=many"], "whole number"),
        (["--region", "eu-west-1", "--parameters", "a='"], "cannot be read"),
        ([], "pass REGION=<region>"),
        (["--region", "eu-wset-1"], "did you mean eu-west-1"),
    ],
)
def test_a_mistake_is_a_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cost.main(arguments) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_stack_that_is_there_is_reckoned_with_its_own_parameters(
    clients: Clients, stub: Stubs
) -> None:
    stack = {
        "StackName": "mlops",
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": "2026-01-01T00:00:00Z",
        "Parameters": [{"ParameterKey": "EndpointInstanceCount", "ParameterValue": "7"}],
    }
    stub["cloudformation"].add_response("describe_stacks", {"Stacks": [stack]})
    assert cost.deployed(clients, "mlops") == {"EndpointInstanceCount": "7"}
    gone = "Stack with id mlops does not exist"
    stub["cloudformation"].add_client_error("describe_stacks", "ValidationError", gone)
    assert cost.deployed(clients, "mlops") == {}


def test_the_alarm_of_several_metrics_is_there(template: dict[str, Any]) -> None:
    """Else counting them would prove nothing."""
    assert sum(isinstance(one, dict) and "MetricStat" in one for one in walk(template)) == 3
