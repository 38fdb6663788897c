"""The same template in a China region, where CodePipeline cannot start a workflow; brought up, used
and taken down by people who have the policies of the deployer's stack and nothing else."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.system.driver import Driver, endpoint

pytestmark = pytest.mark.local

STACK = "zhongguo"


def test_in_china_the_workflow_runs_through_codebuild_and_its_verdict_counts(
    tmp_path: Path,
) -> None:
    with endpoint(tmp_path, "cn-north-1") as aws:
        aws.run("python", "generate.py")
        given, developer = hand_over(aws)
        by = ("--stack", STACK, "--role", given["ROLE"])
        developer.run("python", "-m", "scripts.upload", *by)
        aws.drop_seed_tests(STACK, one_layer=True)
        developer.run("python", "-m", "scripts.create_stack", *by, "--parameters", given["PARAMS"])
        outputs = aws.outputs(STACK)
        assert ".amazonaws.com.cn/" in outputs["ImageRepositoryUri"]
        assert aws.verdict(STACK, after=0) == "Succeeded", aws.actions(STACK)
        train = aws.actions(STACK)["Train"]["input"]["actionTypeId"]
        assert train["provider"] == "CodeBuild"
        (served,) = aws.aws("sagemaker", "list-endpoints")["Endpoints"]
        assert served["EndpointArn"].startswith("arn:aws-cn:")
        assert served["EndpointStatus"] == "InService"

        work = tmp_path / "work"
        developer.git("clone", "--quiet", outputs["RepositoryCloneUrl"], str(work), cwd=tmp_path)
        too_many = {"hyperparameters.json": json.dumps({"batch_size": 4096})}
        developer.push(work, "Ask too much", too_many)
        assert aws.verdict(STACK, after=1) == "Failed"
        status = developer.run("python", "-m", "scripts.status", "--stack", STACK, check=False)
        assert "batch_size is 4096, more than the 1257 images" in " ".join(status.split())
        developer.run("python", "-m", "scripts.destroy", "--stack", STACK, "--yes")
        assert aws.aws("s3api", "list-buckets")["Buckets"] == []


def hand_over(aws: Driver) -> tuple[dict[str, str], Driver]:
    """An administrator's part: the deployer's stack, and somebody who has its two policies. Answers
    what the stack tells to give to `make deploy`, and that somebody."""
    deployer = f"{STACK}-deployer"
    aws.run("aws", "cloudformation", "deploy", "--stack-name", deployer,
            "--template-file", "build/deployer.yaml", "--capabilities", "CAPABILITY_IAM",
            "--parameter-overrides", f"ProjectName={STACK}")  # fmt: skip
    command = shlex.split(aws.outputs(deployer)["Command"])
    given = dict(word.split("=", 1) for word in command if "=" in word)
    account = aws.aws("sts", "get-caller-identity")["Account"]
    whoever = {"AWS": f"arn:aws-cn:iam::{account}:root"}
    trust = {"Effect": "Allow", "Principal": whoever, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = aws.aws("iam", "create-role", "--role-name", "developer",
                   "--assume-role-policy-document", document)["Role"]["Arn"]  # fmt: skip
    resources = aws.aws("cloudformation", "describe-stack-resources", "--stack-name", deployer)
    for one in resources["StackResources"]:
        if one["LogicalResourceId"] in ("DevelopersPolicy", "RemovalPolicy"):
            aws.run("aws", "iam", "attach-role-policy", "--role-name", "developer",
                    "--policy-arn", one["PhysicalResourceId"])  # fmt: skip
    keys = aws.aws("sts", "assume-role", "--role-arn", role, "--role-session-name", "somebody")
    session = {
        "AWS_ACCESS_KEY_ID": keys["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["Credentials"]["SessionToken"],
    }
    return given, replace(aws, environment={**aws.environment, **session})
