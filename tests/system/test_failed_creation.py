"""A creation that fails, and the try after it."""

from pathlib import Path

import pytest

from tests.system.driver import Driver, endpoint, until

pytestmark = pytest.mark.local

STACK = "second"


def deploy(aws: Driver) -> str:
    return aws.run("python", "-m", "scripts.create_stack", "--stack", STACK, "--yes", check=False)


def status(aws: Driver) -> str:
    (described,) = aws.aws("cloudformation", "describe-stacks", "--stack-name", STACK)["Stacks"]
    return str(described["StackStatus"])


def test_a_failed_first_creation_leaves_nothing_in_the_way_of_the_second(tmp_path: Path) -> None:
    """Something of the trigger's name is there already, when most of the stack exists: buckets
    among it, whose access is logged into another of its buckets."""
    with endpoint(tmp_path, "eu-west-1") as aws:
        aws.run("python", "generate.py")
        taken = ("--name", f"{STACK}-push")
        aws.aws("events", "put-rule", *taken, "--event-pattern", '{"source": ["mine"]}')
        aws.run("python", "-m", "scripts.upload", "--stack", STACK)
        assert f"PushTrigger: {STACK}-push already exists" in deploy(aws)
        assert status(aws) == "ROLLBACK_COMPLETE"
        # Whoever was logged is known still; all else is gone, with the names that it had
        buckets = sorted(each["Name"] for each in aws.aws("s3api", "list-buckets")["Buckets"])
        assert [name.rsplit("-", 1)[0] for name in buckets] == [
            f"{STACK}-accesslogbucket",
            f"{STACK}-bootstrap-bucket",
        ]
        assert aws.aws("codecommit", "list-repositories")["repositories"] == []

        aws.aws("events", "delete-rule", *taken)
        deploy(aws)
        assert status(aws) == "CREATE_COMPLETE"
        aws.run("python", "-m", "scripts.destroy", "--stack", STACK, "--yes")
        assert aws.aws("s3api", "list-buckets")["Buckets"] == []


def test_whoever_creates_the_stack_without_our_scripts_can_try_again_too(tmp_path: Path) -> None:
    """The console does as the CLI does here. What is kept on deletion was not kept on creation."""
    with endpoint(tmp_path, "eu-west-1") as aws:
        aws.run("python", "generate.py")
        aws.run("python", "-m", "scripts.upload", "--stack", STACK)
        bucket = aws.outputs(f"{STACK}-bootstrap")["Bucket"]
        (template,) = aws.aws("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "templa")[
            "Contents"
        ]
        url = f"https://{bucket}.s3.eu-west-1.amazonaws.com/{template['Key']}"
        values = {"ProjectName": STACK, "BootstrapBucket": bucket}
        create = [
            *("cloudformation", "create-stack", "--stack-name", STACK, "--template-url", url),
            *("--capabilities", "CAPABILITY_NAMED_IAM", "--parameters"),
            *(f"ParameterKey={name},ParameterValue={value}" for name, value in values.items()),
        ]

        def ended() -> str:
            found = status(aws)
            return "" if found.endswith("_IN_PROGRESS") else found

        taken = ("--name", f"{STACK}-push")
        aws.aws("events", "put-rule", *taken, "--event-pattern", '{"source": ["mine"]}')
        aws.aws(*create)
        assert until(ended) == "ROLLBACK_COMPLETE"
        aws.aws("events", "delete-rule", *taken)
        aws.aws("cloudformation", "delete-stack", "--stack-name", STACK)
        aws.run("aws", "cloudformation", "wait", "stack-delete-complete", "--stack-name", STACK)
        aws.aws(*create)
        assert until(ended) == "CREATE_COMPLETE"
