"""Who may call at all, for how long, and on which resource a call is judged."""

import json
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.core.utils import utcnow
from moto.sts.models import sts_backends

from local.tests.authorization.test_hold import Held, allow, assume, refusal
from local.tests.aws import ALL, Aws, unique
from local.tests.test_one_reader import sent

PARAMETER = "arn:aws:ssm:eu-west-1:111122223333:parameter/"


def key(held: Held) -> str:
    return held.keys["aws_access_key_id"]


def test_an_arn_somewhere_in_a_name_is_not_what_is_judged(aws: Aws) -> None:
    name, ssm = unique("mine"), aws.client("ssm")
    held = assume(aws, allow("ssm:*", PARAMETER + name))
    for other in (f"/x/{PARAMETER}{name}", f"/{PARAMETER}{name}"):
        code = refusal(held.client("ssm").get_parameter, Name=other)[1]
        assert code == "AccessDeniedException"
    ssm.put_parameter(Name=name, Value="1", Type="String")
    for own in (name, f"{name}:1", PARAMETER + name, f"{PARAMETER}{name}:1"):
        assert held.client("ssm").get_parameter(Name=own)["Parameter"]["Value"] == "1"


def test_the_endpoints_own_controls_are_the_administrators(aws: Aws) -> None:
    held = assume(aws, ALL)
    body = b'{"Calls": "s3", "Rate": null}'
    for path in ("/_local/throttle", "/_local/reclaim", "/_local/clock"):
        status, text = sent(aws, "sagemaker", f"POST {path}", body, key(held))
        assert (status, json.loads(text)["__type"]) == (403, "AccessDenied")
    assert sent(aws, "sagemaker", "POST /_local/throttle", body)[0] == 200


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("s3", "list_buckets", (400, "ExpiredToken")),
        ("iam", "list_roles", (403, "ExpiredToken")),
        ("logs", "describe_log_groups", (400, "ExpiredTokenException")),
    ],
)
def test_a_session_that_has_ended_may_nothing(
    aws: Aws, service: str, operation: str, code: tuple[int, str]
) -> None:
    held = assume(aws, ALL)
    getattr(held.client(service), operation)()
    session = sts_backends[aws.context.account]["aws"].get_assumed_role_from_access_key(key(held))
    assert session
    session.expiration = utcnow() - timedelta(seconds=1)
    assert refusal(getattr(held.client(service), operation))[:2] == code


def test_a_url_is_good_until_its_time_is_over(aws: Aws) -> None:
    bucket = aws.bucket(a="content")
    held = assume(aws, ALL)
    s3: Any = boto3.client(  # type: ignore[call-overload]
        "s3",
        endpoint_url=aws.context.url,
        region_name=aws.context.region,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        **held.keys,
    )
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"})
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.read() == b"content"
    for old, status in (("X-Amz-Expires=0", 403), ("X-Amz-Expires=soon", 400)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url.replace("X-Amz-Expires=3600", old), timeout=60)
        assert refused.value.code == status


def test_a_policy_that_holds_somebody_stays(aws: Aws) -> None:
    iam, name = aws.client("iam"), unique("role")
    document = json.dumps({"Version": "2012-10-17", "Statement": [ALL]})
    attached, boundary = (
        iam.create_policy(PolicyName=unique("p"), PolicyDocument=document)["Policy"]["Arn"]
        for _ in range(2)
    )
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    bound = {"AssumeRolePolicyDocument": trust, "PermissionsBoundary": boundary}
    iam.create_role(RoleName=name, **bound)
    iam.attach_role_policy(RoleName=name, PolicyArn=attached)
    for arn in (attached, boundary):
        assert refusal(iam.delete_policy, PolicyArn=arn)[:2] == (409, "DeleteConflict")
    iam.detach_role_policy(RoleName=name, PolicyArn=attached)
    iam.delete_role_permissions_boundary(RoleName=name)
    for arn in (attached, boundary):
        iam.delete_policy(PolicyArn=arn)
    put = iam.put_role_permissions_boundary
    for said in (
        refusal(iam.create_role, RoleName=unique("role"), **bound),
        refusal(put, RoleName=name, PermissionsBoundary=boundary),
    ):
        assert said[:2] == (404, "NoSuchEntity")
        assert f"Scope ARN: {boundary} does not exist" in said[2]


def test_an_alias_that_gets_another_key_is_asked_of_both(aws: Aws) -> None:
    kms, alias = aws.client("kms"), f"alias/{unique('key')}"
    old, new = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    kms.create_alias(AliasName=alias, TargetKeyId=old)
    named = f"arn:aws:kms:eu-west-1:111122223333:{alias}"
    for keys in ([old], [new]):
        held = assume(aws, allow("kms:UpdateAlias", [named, *keys]))
        code = refusal(held.client("kms").update_alias, AliasName=alias, TargetKeyId=new)[1]
        # the key's own policy lets the account's IAM decide
        assert code == "AccessDeniedException"
    held = assume(aws, allow("kms:UpdateAlias", [named, old, new]))
    held.client("kms").update_alias(AliasName=alias, TargetKeyId=new)
