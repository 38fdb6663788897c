"""The launch link leads to the console of the region's partition."""

from urllib.parse import parse_qs, urlsplit

import pytest

from scripts.links import quick_create, template_url


@pytest.mark.parametrize(
    ("region", "partition", "console", "suffix"),
    [
        ("eu-west-1", "aws", "console.aws.amazon.com", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "console.amazonaws.cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "console.amazonaws-us-gov.com", "amazonaws.com"),
    ],
)
def test_the_launch_link_opens_the_form_filled_in(
    region: str, partition: str, console: str, suffix: str
) -> None:
    template = template_url("bucket", "templates/a.yaml", region, partition)
    assert template == f"https://bucket.s3.{region}.{suffix}/templates/a.yaml"
    link = urlsplit(quick_create(template, "mine", region, partition, {"CodeKey": "a/b c&d"}))
    assert link.netloc == f"{region}.{console}"
    path, query = link.fragment.split("?", 1)
    assert path == "/stacks/create/review"
    assert parse_qs(query) == {
        "templateURL": [template],
        "stackName": ["mine"],
        "param_CodeKey": ["a/b c&d"],
    }
