"""Our evaluator agrees with an independent simulator, whose verdicts judge.py has written down."""

import json
from pathlib import Path

from local.authorization.evaluate import Request, decide

TABLE = json.loads(Path(__file__).with_name("verdicts.json").read_text(encoding="utf-8"))


def test_the_evaluator_agrees_with_an_independent_simulator() -> None:
    policies, cases = TABLE["policies"], TABLE["cases"]
    assert len(cases) >= 150
    assert {case["allowed"] for case in cases} == {True, False}
    differing = []
    for case in cases:
        request = Request(case["principal"], case["action"], case["resource"], case["context"])
        verdict = decide(request, policies[case["identity"]], policies[case["policy"]])
        if verdict.allowed != case["allowed"]:
            differing.append(f"{case['about']}: {request}: {TABLE['judge']}: {case['allowed']}")
    assert not differing, "\n".join(differing)
