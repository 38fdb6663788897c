"""Where moto answers what AWS would not: filters unread, values left out or made up.

Put in by moto_seams.py, and held by its contract test and by tests/test_door.py.
"""

import json
import re
import secrets
from typing import Any

FILTER = re.compile(r'[\w ]+|"[^"]*"')  # all that moto reads of a filter pattern


def install() -> None:
    _logs()
    _keys()
    _topics()
    _queues()
    _policies()
    _objects()
    _etags()


def _logs() -> None:
    """What moto has not of CloudWatch Logs: another key for a group, a prefix of streams, and a no
    to filters that it cannot read, which would let everything through."""
    from moto.logs.models import LogsBackend
    from moto.logs.responses import LogsResponse

    from local.refusals import unsupported
    from local.service import AwsError

    def set_key(self: Any) -> str:
        groups, name = self.logs_backend.groups, self._get_param("logGroupName")
        if name not in groups:
            text = "The specified log group does not exist."
            raise AwsError("ResourceNotFoundException", text)
        groups[name].kms_key_id = self._get_param("kmsKeyId")
        return "{}"

    original = LogsBackend.filter_log_events

    def filter_log_events(self: Any, *asked: Any) -> Any:
        pattern = asked[6]
        if pattern and not FILTER.fullmatch(pattern):
            text = unsupported(f"filterPattern {pattern}", "words", "a text in quotation marks")
            raise AwsError("InvalidParameterException", text)
        return original(self, *asked)

    answer = LogsResponse.filter_log_events

    def filter_streams(self: Any) -> str:
        asked = json.loads(self.body)
        prefix = asked.pop("logStreamNamePrefix", "")
        if prefix and asked.get("logStreamNames"):
            text = "logStreamNamePrefix and logStreamNames cannot both be specified."
            raise AwsError("InvalidParameterException", text)
        group = self.logs_backend.groups.get(asked.get("logGroupName"))
        if prefix and group:
            names = [name for name in group.streams if name.startswith(prefix)]
            # No stream's name is empty; without names it would be all of them
            self.body = json.dumps({**asked, "logStreamNames": names or [""]})
        return answer(self)

    LogsResponse.filter_log_events = filter_streams  # type: ignore[method-assign]
    LogsResponse.associate_kms_key = set_key  # type: ignore[attr-defined]
    LogsResponse.disassociate_kms_key = set_key  # type: ignore[attr-defined]
    LogsBackend.filter_log_events = filter_log_events  # type: ignore[method-assign,assignment]


def _keys() -> None:
    """A key is to encrypt, unless it is said to be for something else (KMS API reference,
    CreateKey, "KeyUsage"); moto answers null. It also makes each key a pair to sign with, which no
    key here can be used for, and which takes a tenth of a second."""
    from moto.kms import models, responses
    from moto.kms.models import KmsBackend

    models.generate_private_key = lambda key_spec: None  # type: ignore[assignment,return-value]
    original = KmsBackend.create_key

    def create_key(self: Any, policy: Any, key_usage: str | None, *more: Any, **named: Any) -> Any:
        return original(self, policy, key_usage or "ENCRYPT_DECRYPT", *more, **named)

    KmsBackend.create_key = create_key  # type: ignore[method-assign]
    known = responses._assert_default_policy
    # "If no policy name is specified, the default value is default" (GetKeyPolicy, PutKeyPolicy)
    responses._assert_default_policy = lambda policy_name: known(policy_name or "default")


def _topics() -> None:
    """A text that is no ARN is refused as such; moto takes it to pieces that are not there."""
    from moto.sns import models

    from local.service import AwsError

    original = models.parse_arn

    def parse_arn(arn: str) -> Any:
        try:
            return original(arn)
        except ValueError:
            raise AwsError("InvalidParameter", "Invalid parameter: TopicArn") from None

    models.parse_arn = parse_arn


def _queues() -> None:
    """An attribute that is not named stays as it is (SQS API reference, SetQueueAttributes); moto
    forgets the policy."""
    from moto.sqs.models import Queue

    original = Queue._set_attributes

    def set_attributes(self: Any, attributes: dict[str, Any], now: float | None = None) -> None:
        known = getattr(self, "policy", None)
        original(self, attributes, now)
        if "Policy" not in attributes:
            self.policy = known

    Queue._set_attributes = set_attributes  # type: ignore[method-assign]


def _policies() -> None:
    """A policy that is somebody's, or bounds somebody, stays ("You must first detach the policy
    from all users, groups, and roles": IAM API reference, DeletePolicy), and one that is not there
    bounds nobody; moto asks neither."""
    from moto.iam.exceptions import DeleteConflictException, NotFoundException
    from moto.iam.models import IAMBackend

    delete, create = IAMBackend.delete_policy, IAMBackend.create_role
    put_boundary = IAMBackend.put_role_permissions_boundary

    def delete_policy(self: Any, policy_arn: str) -> None:
        policy = self.get_policy(policy_arn)
        bounded = {role.permissions_boundary_arn for role in self.roles.values()}
        if policy.attachment_count or policy.arn in bounded:
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        delete(self, policy_arn)

    def check(self: Any, boundary: str | None) -> None:
        if boundary and self.policy_arn_regex.match(boundary):
            try:
                self.get_policy(boundary)
            except NotFoundException:
                text = f"Scope ARN: {boundary} does not exist or is not attachable."
                raise NotFoundException(text) from None

    def create_role(self: Any, name: str, trust: str, path: str, boundary: Any, *more: Any) -> Any:
        check(self, boundary)
        return create(self, name, trust, path, boundary, *more)

    def bound(self: Any, name: str, boundary: str) -> None:
        check(self, boundary)
        put_boundary(self, name, boundary)

    IAMBackend.delete_policy = delete_policy  # type: ignore[method-assign]
    IAMBackend.create_role = create_role  # type: ignore[method-assign,assignment]
    IAMBackend.put_role_permissions_boundary = bound  # type: ignore[method-assign,assignment]


def _objects() -> None:
    """Every object is encrypted, by S3's own keys where no other is said (S3 User Guide, "Setting
    default server-side encryption behavior for Amazon S3 buckets"); moto tells of none."""
    from moto.s3.models import FakeKey

    original: Any = FakeKey.response_dict

    def headers(self: Any) -> dict[str, Any]:
        return {"x-amz-server-side-encryption": "AES256", **original.fget(self)}

    FakeKey.response_dict = property(headers)  # type: ignore[method-assign,assignment]


def _etags() -> None:
    """Of an object under a key of KMS the ETag is no MD5 of its content (Object, S3 API reference),
    and the same content has another each time it is put (github.com/aws/aws-sdk-java-v2, issue
    7082); moto's is the MD5. Of an object in parts it ends in their number, as it does without."""
    from moto.s3.models import FakeKey

    original = FakeKey.__init__

    def create(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        if str(self.encryption).startswith("aws:kms"):
            _, dash, parts = (self._etag or "").partition("-")
            self._etag = f"{secrets.token_hex(16)}{dash}{parts}"

    FakeKey.__init__ = create  # type: ignore[method-assign]
