"""What a request to CloudFormation asks for: the template, the plan, the deployer."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from local.cfn.plan import Plan
from local.cfn.records import Stack, StackRecords, invalid
from local.cfn.schema import PropertyError
from local.cfn.template import Template, TemplateError, parse
from local.credentials import Credentials, NotAuthorized, assume
from local.service import AwsError, Service

MAX_BODY = 51_200  # bytes (CloudFormation User Guide, "Quotas")
MAX_OBJECT = 1_000_000


@contextmanager
def validated() -> Iterator[None]:
    """What is wrong with a template, parameter or property is CloudFormation's ValidationError."""
    try:
        yield
    except (TemplateError, PropertyError) as error:
        raise invalid(str(error)) from None
    except RecursionError:
        raise invalid("Template format error: it is nested too deeply.") from None


class Requests(Service):
    """How the operations read what they are given."""

    service = "cloudformation"
    bad_page = "ValidationError"
    page_names = ("NextToken", "MaxItems")

    @property
    def _records(self) -> StackRecords:
        return StackRecords.here()

    def _plan(self, stack: Stack | None) -> Plan:
        """The plan that the request describes, over what the stack had before."""
        tags = self.get("Tags")  # none at all takes away what there was, unlike saying nothing
        with validated():
            template = self._template(stack)
            plan = Plan.of(
                template,
                self._given(stack),
                tags=stack.plan.tags
                if stack and tags is None
                else {tag["Key"]: tag["Value"] for tag in tags or []},
                capabilities=tuple(self.get("Capabilities", [])),
                role=self.get("RoleARN") or (stack.plan.role if stack else None),
            )
        self._check_capabilities(plan)
        return plan

    def _template(self, stack: Stack | None) -> Template:
        body, url = self.get("TemplateBody"), self.get("TemplateURL")
        if self.get("UsePreviousTemplate"):
            if stack is None:
                raise invalid("UsePreviousTemplate needs a stack that exists")
            return stack.plan.template
        if bool(body) == bool(url):
            raise invalid("Either Template URL or Template Body must be specified.")
        if body and len(body.encode()) > MAX_BODY:
            raise invalid(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint:"
                f" Member must have length less than or equal to {MAX_BODY}"
            )
        return parse(body or self._download(url))

    def _deployer(self, role: str | None, stack: Stack) -> Credentials:
        """Whose permissions make the resources: the role's, else the caller's."""
        if role is None:
            return self.caller().credentials
        try:
            return assume(role, "cloudformation.amazonaws.com", "AWSCloudFormation", stack.id)
        except NotAuthorized as error:
            raise invalid(f"Role {role} is invalid or cannot be assumed: {error}") from None

    def _given(self, stack: Stack | None) -> dict[str, str]:
        """The parameters' values: an empty one is a value, none is not."""
        given: dict[str, str] = {}
        previous = stack.plan.parameters if stack else {}
        for parameter in self.get("Parameters", []):
            key, value = parameter["ParameterKey"], parameter.get("ParameterValue")
            if bool(parameter.get("UsePreviousValue")) == (value is not None):
                raise _bad(key, "Need to specify either usePreviousValue as true or a value for it")
            if value is None and key not in previous:
                raise _bad(
                    key,
                    "Cannot specify usePreviousValue as true for a parameter key not in the"
                    " previous template",
                )
            if key in given:
                raise _bad(key, "It is given twice")
            given[key] = previous[key] if value is None else value
        return given

    def _check_capabilities(self, plan: Plan) -> None:
        needed = plan.template.capabilities()
        if needed and not {*needed, "CAPABILITY_NAMED_IAM"} & set(plan.capabilities):
            raise AwsError(
                "InsufficientCapabilitiesException", f"Requires capabilities : [{needed[0]}]"
            )

    def _download(self, url: str) -> str:
        bucket, key = _object_of(url)
        s3 = self.caller().credentials.client("s3")
        try:
            found: dict[str, Any] = s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise invalid(f"S3 error: {error.response['Error']['Message']} ({url})") from None
        if found["ContentLength"] > MAX_OBJECT:
            raise invalid(f"Template may not exceed {MAX_OBJECT} bytes in size.")
        try:
            return found["Body"].read().decode()
        except UnicodeDecodeError:
            raise invalid(f"Template format error: {url} is not UTF-8 text.") from None


def _bad(key: str, why: str) -> AwsError:
    return invalid(f"Invalid input for parameter key {key}. {why}")


def _object_of(url: str) -> tuple[str, str]:
    """Bucket and key of an S3 URL, with the bucket in its host or in its path."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path.lstrip("/"))
    virtual = re.match(r"(.+?)\.s3[.-]", host)
    bucket, _, key = (virtual[1], "", path) if virtual else path.partition("/")
    if parts.scheme not in ("http", "https") or not bucket or not key:
        raise invalid(f"TemplateURL must be a supported URL. ({url})")
    return bucket, key
