"""Lets an independent simulator of IAM judge calls, and writes its verdicts to verdicts.json.

The table is committed, and test_verdicts.py holds our evaluator to it; the simulator is no part of
the project. To make the table anew takes Node 20 and, once:

    npm install --prefix ../judge @cloud-copilot/iam-simulate@0.1.173
    python -m tests.permissions.judge ../judge

Half of the calls are of the emitted templates, in China, where names differ most: every action that
somebody needs, and every way of being wrong in every service. The others are of what policies can
say besides. What the simulator cannot read (it does not know kms:EncryptionContext:…) is left out.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.permissions.deployed import ACCOUNT, OTHER_ACCOUNT, Call, Deployed, deploy, emit
from tests.permissions.needs import all_needs
from tests.permissions.wrong import escalations, wrong

TABLE = Path(__file__).with_name("verdicts.json")
_SIMULATE = """
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.argv[1] + "/");
const { runSimulation } = require("@cloud-copilot/iam-simulate");
const verdicts = [];
for (const call of JSON.parse(readFileSync(0, "utf8"))) {
  const policy = (statements) => ({ Version: "2012-10-17", Statement: statements });
  const found = await runSimulation({
    request: {
      principal: call.principal,
      action: call.action,
      resource: { resource: call.resource, accountId: call.owner },
      contextVariables: call.context,
    },
    identityPolicies: call.identity.length ? [{ name: "own", policy: policy(call.identity) }] : [],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(call.policy.length ? { resourcePolicy: policy(call.policy) } : {}),
  }, {});
  const results = found.results ?? [found.result];
  const ignored = results.flatMap((each) => each?.ignoredContextKeys ?? []);
  const why = found.errors ?? (ignored.length ? ignored : null);
  verdicts.push(why === null ? found.overallResult === "Allowed" : { why });
}
console.log(JSON.stringify(verdicts));
"""

Case = dict[str, Any]
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/Job"
_OBJECT, _BUCKET = "arn:aws:s3:::data/a/b.txt", "arn:aws:s3:::data"
_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1a2b3c4d-0000-0000-0000-000000000000"
_TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:topic"


def main(simulator: str) -> None:
    cases = [*_of_the_templates(), *_of_conditions(), *_of_elements(), *_of_principals()]
    judged, unknown = [], 0
    for case, verdict in zip(cases, _simulate(cases, simulator), strict=True):
        if isinstance(verdict, bool):
            judged.append({**case, "allowed": verdict})
        else:
            unknown += 1
            print(f"not judged: {case['about']}: {json.dumps(verdict)[:200]}")
    TABLE.write_text(_table(judged), encoding="utf-8")
    allowed = sum(case["allowed"] for case in judged)
    print(f"{len(judged)} calls in {TABLE.name}, {allowed} allowed; {unknown} not judged")


def _simulate(cases: list[Case], simulator: str) -> list[Any]:
    done = subprocess.run(
        ["node", "--input-type=module", "-e", _SIMULATE, simulator],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the simulator has failed: {done.stderr[-2000:]}")
    verdicts: list[Any] = json.loads(done.stdout)
    return verdicts


def _table(cases: list[Case]) -> str:
    """One case a line; a policy that several cases share is written once."""
    shared: dict[str, str] = {}
    lines = []
    for case in cases:
        named = dict(case)
        for side in ("identity", "policy"):
            text = json.dumps(case[side])
            named[side] = shared.setdefault(text, f"p{len(shared)}")
        lines.append(json.dumps(named))
    policies = [f"{json.dumps(name)}: {text}" for text, name in shared.items()]
    return (
        '{"judge": "@cloud-copilot/iam-simulate 0.1.173",\n"policies": {\n'
        + ",\n".join(policies)
        + '\n},\n"cases": [\n'
        + ",\n".join(lines)
        + "\n]}\n"
    )


# ---- calls of the emitted templates


def _of_the_templates() -> Iterator[Case]:
    at = deploy("cn-north-1", emit())
    needs = all_needs(at)
    met = set()
    for need in needs:
        if (kind := ("a need", need.call.action)) not in met:
            met.add(kind)
            yield _case(at, need.call, "a need")
    for what, call in [
        *wrong(at, needs),
        *(("escalation", call) for call in escalations(at, needs)),
    ]:
        if (kind := (what, call.action.partition(":")[0])) not in met:
            met.add(kind)
            yield _case(at, call, what)


def _case(at: Deployed, call: Call, about: str) -> Case:
    return {
        "about": about,
        "principal": at.arns.get(call.who, call.who),
        "action": call.action,
        "resource": call.resource,
        "owner": OTHER_ACCOUNT if OTHER_ACCOUNT in call.resource else ACCOUNT,
        "context": {"aws:SecureTransport": "true", **call.context},
        "identity": at.roles.get(call.who, []),
        "policy": at.policies.get(at.policy_of(call), []),
    }


# ---- what policies can say besides


def _by_hand(
    about: str,
    identity: Any = (),
    policy: Any = (),
    *,
    principal: str = _ROLE,
    action: str = "s3:GetObject",
    resource: str = _OBJECT,
    **context: Any,
) -> Case:
    return {
        "about": about,
        "principal": principal,
        "action": action,
        "resource": resource,
        "owner": OTHER_ACCOUNT if OTHER_ACCOUNT in resource else ACCOUNT,
        "context": {name.replace("_", ":", 1): value for name, value in context.items()},
        "identity": [identity] if isinstance(identity, dict) else list(identity),
        "policy": [policy] if isinstance(policy, dict) else list(policy),
    }


def _allow(action: Any = "s3:*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def _of_conditions() -> Iterator[Case]:
    """Each operator with a value that fits, one that does not, and none."""
    arn = f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/push"
    tests: list[tuple[str, str, Any, list[Any]]] = [
        ("StringEquals", "s3:prefix", "data/", ["data/", "Data/", "data/x"]),
        ("StringEquals", "s3:prefix", ["a", "b"], ["a", "b", "c"]),
        ("StringEqualsIgnoreCase", "s3:prefix", "data/", ["DATA/", "datax"]),
        ("StringNotEquals", "s3:prefix", "data/", ["data/", "other/"]),
        ("StringNotEquals", "s3:prefix", ["a", "b"], ["a", "c"]),
        ("StringLike", "s3:prefix", "data/*", ["data/", "data/x/y", "dat", "xdata/"]),
        ("StringLike", "s3:prefix", "d?ta", ["data", "dta", "daata"]),
        ("StringNotLike", "s3:prefix", "data/*", ["data/x", "other"]),
        ("StringEqualsIfExists", "s3:prefix", "data/", ["data/", "other/"]),
        ("StringLikeIfExists", "s3:prefix", "data/*", ["data/x", "other/"]),
        ("StringNotEqualsIfExists", "s3:prefix", "data/", ["data/", "other/"]),
        ("ArnEquals", "aws:SourceArn", arn, [arn, arn + "2"]),
        ("ArnLike", "aws:SourceArn", arn.replace("push", "*"), [arn, arn.replace("rule", "bus")]),
        ("ArnLike", "aws:SourceArn", "arn:aws:events:*:*:rule/p*", [arn, "arn:aws:sns:::x"]),
        ("ArnNotLike", "aws:SourceArn", "arn:aws:events:*:*:rule/*", [arn, _TOPIC]),
        ("ArnLikeIfExists", "aws:SourceArn", arn, [arn, _TOPIC]),
        ("Bool", "aws:SecureTransport", "true", ["true", "false"]),
        ("BoolIfExists", "aws:SecureTransport", "false", ["true", "false"]),
        ("Null", "s3:prefix", "true", ["data/"]),
        ("Null", "s3:prefix", "false", ["data/"]),
        ("StringEquals", "AWS:sourceaccount", ACCOUNT, []),
    ]
    for operator, key, wanted, values in tests:
        statement = _allow("s3:ListBucket", Condition={operator: {key: wanted}})
        for value in [*values, None]:
            sent = {} if value is None else {key.replace(":", "_", 1): value}
            about = f"{operator} {key} {wanted}, sent {value}"
            yield _by_hand(about, statement, action="s3:ListBucket", resource=_BUCKET, **sent)
    both = {"StringLike": {"s3:prefix": "a*"}, "Bool": {"aws:SecureTransport": "true"}}
    for prefix, secure in (("ab", "true"), ("ab", "false"), ("b", "true")):
        yield _by_hand(
            "two operators are joined by AND",
            _allow("s3:ListBucket", Condition=both),
            action="s3:ListBucket",
            resource=_BUCKET,
            s3_prefix=prefix,
            aws_SecureTransport=secure,
        )
    model = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:model/m"
    create: dict[str, Any] = {"action": "sagemaker:CreateModel", "resource": model}
    for operator in ("ForAllValues:StringEquals", "ForAnyValue:StringEquals"):
        tagged = _allow("sagemaker:*", Condition={operator: {"aws:TagKeys": ["team", "cost"]}})
        for keys in (["team"], ["team", "cost"], ["cost"], ["team", "size"], ["size"]):
            yield _by_hand(f"{operator} of tags {keys}", tagged, aws_TagKeys=keys, **create)
        yield _by_hand(f"{operator} without tags", tagged, **create)


def _of_elements() -> Iterator[Case]:
    """Effect, Action, Resource and their opposites."""
    for action in ("s3:GetObject", "S3:getobject", "s3:Get*", "s3:*", "*", "s3:Ge?Object"):
        yield _by_hand(f"Action {action}", _allow(action))
    for action in ("s3:PutObject", "s3:Get", "sns:*", "s3:GetObjec"):
        yield _by_hand(f"Action {action}", _allow(action))
    patterns = (
        _OBJECT,
        f"{_BUCKET}/*",
        f"{_BUCKET}/a/?.txt",
        "arn:aws:s3:::*",
        "arn:*:s3:::data/*",
    )
    for pattern in (*patterns, _BUCKET, f"{_BUCKET}/A/b.txt", f"{_BUCKET}/a", "arn:aws-cn:s3:::*"):
        yield _by_hand(f"Resource {pattern}", _allow(resource=pattern))
    yield _by_hand("one resource of two", _allow(resource=[f"{_BUCKET}/x", _OBJECT]))
    yield _by_hand("NotAction, another", {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})
    yield _by_hand("NotAction, this", {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"})
    for pattern in ("arn:aws:s3:::other/*", f"{_BUCKET}/*"):
        statement = {"Effect": "Allow", "Action": "s3:*", "NotResource": pattern}
        yield _by_hand(f"NotResource {pattern}", statement)
    deny = {**_allow("s3:GetObject"), "Effect": "Deny"}
    yield _by_hand("a denial beside an allowance", [_allow(), deny])
    yield _by_hand("a denial of something else", [_allow(), {**deny, "Action": "s3:PutObject"}])
    yield _by_hand("a denial alone", deny)
    yield _by_hand("nothing at all")
    bucket = {**deny, "Principal": "*"}
    yield _by_hand("a denial in the bucket's policy", _allow(), bucket)
    for secure in ("true", "false"):
        only = {**bucket, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
        yield _by_hand(f"TLS {secure}", _allow(), only, aws_SecureTransport=secure)


def _of_principals() -> Iterator[Case]:
    """Who is named by a resource's policy, and what that is worth."""
    root = f"arn:aws:iam::{ACCOUNT}:root"
    other = f"arn:aws:iam::{OTHER_ACCOUNT}:role/Other"
    named: list[tuple[str, Any]] = [
        ("everybody", "*"),
        ("every AWS principal", {"AWS": "*"}),
        ("the role", {"AWS": _ROLE}),
        ("another role", {"AWS": _ROLE + "2"}),
        ("the account", {"AWS": root}),
        ("the account by number", {"AWS": ACCOUNT}),
        ("another account", {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}),
        ("a service", {"Service": "sns.amazonaws.com"}),
    ]
    own = _allow(["s3:*", "kms:*", "sns:*", "sts:*"])
    for who, principal in named:
        topic = _allow("sns:Publish", Principal=principal)
        for has, identity in (("with", own), ("without", ())):
            about = f"names {who}, {has} a policy of its own"
            bucket = _allow(Principal=principal)
            yield _by_hand(f"bucket {about}", identity, bucket)
            key = _allow("kms:*", Principal=principal)
            yield _by_hand(f"key {about}", identity, key, action="kms:Decrypt", resource=_KEY)
            trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
            assume = {"action": "sts:AssumeRole", "resource": _ROLE + "3"}
            yield _by_hand(f"trust {about}", identity, trust, **assume)
            abroad = {"principal": other, "action": "sns:Publish", "resource": _TOPIC}
            yield _by_hand(f"from abroad, topic {about}", identity, topic, **abroad)
            foreign = _KEY.replace(ACCOUNT, OTHER_ACCOUNT)
            yield _by_hand(
                f"key abroad {about}", identity, key, action="kms:Decrypt", resource=foreign
            )
        yield _by_hand(
            f"topic names {who}, a service publishes",
            (),
            topic,
            principal="sns.amazonaws.com",
            action="sns:Publish",
            resource=_TOPIC,
        )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(str(Path(sys.argv[1]).resolve()))
