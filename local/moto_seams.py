"""The one place where this package changes moto.

A contract test (local/tests/test_moto_seams.py) holds the names that these seams, and the services
that keep their records in moto, lean on: a moto that moves one fails there.
"""

import copy
import hashlib
import threading
from collections import deque
from functools import cache
from importlib.metadata import version
from typing import Any

from local import moto_answers, moto_workflows

MOTO = "5.2.5"
_installed = False


class WrongMoto(RuntimeError):
    """Another moto than the one this package is made for."""


def install() -> None:
    """Put this package's behaviour into moto; before moto's server application is made."""
    global _installed
    if version("moto") != MOTO:
        raise WrongMoto(
            f"the local endpoint needs moto {MOTO}, found {version('moto')}: "
            "install requirements.lock again"
        )
    if not _installed:
        _models()
        _kept()
        _authorization()
        _log_delivery()
        moto_answers.install()
        _conditional_writes()
        _object_events()
        _registry()
        moto_workflows.install()
        _sagemaker()
        _installed = True


def _kept() -> None:
    """moto keeps every record that it has ever made, of what is deleted too, for a reset and for a
    page of its own, neither of which can be asked for here; and every thread of an execution."""
    import moto.stepfunctions.parser.utils as executions
    from moto.core.common_models import BaseModel

    def make(cls: Any, *arguments: Any, **named: Any) -> Any:
        return super(BaseModel, cls).__new__(cls)

    BaseModel.__new__ = make  # type: ignore[method-assign]
    executions.TMP_THREADS = deque(maxlen=0)  # type: ignore[assignment]


def _authorization() -> None:
    """moto's authorizer denies every statement that names an ARN, and its reading of a bucket
    policy takes an unmet Deny for a Deny: local/authorization judges in its place."""
    from moto.core.authorization import ActionAuthenticatorMixin
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def allow(self: Any, iam_request_cls: type, resource: str = "*") -> None:
        return None

    def neutral(self: Any, action: str, resource: str) -> Any:
        return PermissionResult.NEUTRAL

    ActionAuthenticatorMixin._authenticate_and_authorize_action = allow  # type: ignore[method-assign]
    FakeBucket.get_permission = neutral  # type: ignore[method-assign]


def _log_delivery() -> None:
    """May S3 deliver a bucket's access logs? moto wants the statement's Resource to be one exact
    string, and fails on a statement for everybody (Enabling Amazon S3 server access logging)."""
    from moto.s3.models import FakeBucket
    from moto.s3.utils import LOGGING_SERVICE_PRINCIPAL

    from local.authorization.ask import Ask
    from local.authorization.hold import may
    from local.context import current

    def allowed(self: Any, target_bucket: Any, target_prefix: str | None) -> bool:
        source = {"aws:SourceAccount": current().account, "aws:SourceArn": self.arn}
        log = f"{target_bucket.arn}/{target_prefix or ''}2026-01-01-00-00-00-0123456789ABCDEF"
        return may(LOGGING_SERVICE_PRINCIPAL, Ask("s3:PutObject", log, source))

    FakeBucket._log_permissions_enabled_policy = allowed  # type: ignore[method-assign,assignment]


def _conditional_writes() -> None:
    """Of two writes over the same object with IfMatch, or IfNoneMatch, one is refused (How to
    prevent object overwrites with conditional writes, Amazon S3 User Guide): looking and writing
    are one act, which in moto other requests come between."""
    from moto.s3.responses import S3Response

    writing = threading.Lock()

    def one_by_one(original: Any) -> Any:
        def write(*arguments: Any) -> Any:
            with writing:
                return original(*arguments)

        return write

    # `_key_response_post` ends a multipart upload
    for name in ("put_object", "delete_object", "_key_response_post"):
        setattr(S3Response, name, one_by_one(getattr(S3Response, name)))


def _object_events() -> None:
    """What a bucket tells EventBridge goes to this package's rules; moto makes an event up, and
    knows no target of a rule that is of use here. Nor does it tell of a new bucket, as S3 does not
    (Amazon S3 User Guide, "Using EventBridge")."""
    from moto.s3 import models, notifications

    from local.object_events import tell

    def send(account: str, bucket: Any, event_name: Any, key: Any) -> None:
        tell(bucket, event_name.value, key)

    def of_buckets(**_: Any) -> None:
        return None

    notifications._send_event_bridge_message = send  # type: ignore[assignment]
    models.events_send_notification = of_buckets  # type: ignore[assignment]


def _registry() -> None:
    """An image's digest is that of its manifest's bytes (OCI image specification, "Digests"), where
    moto digests the layers' names or a random number; an immutable tag is refused by its own name
    (ECR API reference, PutImage). An image with several tags is answered under the one that was
    asked for (ECR API reference, BatchGetImage, Examples), where moto tells the newest."""
    from moto.ecr.models import ECRBackend, Image, Repository

    from local.context import current
    from local.service import AwsError

    original = ECRBackend.put_image

    def create_digest(self: Any) -> None:
        manifest = self.image_manifest.encode()
        self._image_digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"

    def put_image(self: Any, name: str, manifest: str, tag: str, *more: Any) -> Any:
        repository = self._get_repository(name)
        for image in repository.images if repository.is_tag_immutable() else []:
            if tag in image.image_tags and image.image_manifest != manifest:
                raise AwsError(
                    "ImageTagAlreadyExistsException",
                    f"The image tag '{tag}' already exists in the '{name}' repository "
                    "and cannot be overwritten because the tag is immutable.",
                )
        return original(self, name, manifest, tag, *more)

    get_images = ECRBackend.batch_get_image

    def batch_get_image(self: Any, name: str, registry: Any = None, asked: Any = None) -> Any:
        whole: dict[str, list[Any]] = {"images": [], "failures": []}
        for one in asked:
            answer = get_images(self, name, registry, [one])
            whole["failures"] += answer["failures"]
            for image in map(copy.copy, answer["images"]):
                image.image_tag = one.get("imageTag", image.image_tag)
                whole["images"].append(image)
        return whole

    created = Repository.__init__

    def create(self: Any, *arguments: Any, **named: Any) -> None:
        created(self, *arguments, **named)
        self.uri = self.uri.replace("amazonaws.com", current().url_suffix)  # moto forgets China

    Repository.__init__ = create  # type: ignore[method-assign]
    Image._create_digest = create_digest  # type: ignore[method-assign]
    ECRBackend.put_image = put_image  # type: ignore[method-assign,assignment]
    ECRBackend.batch_get_image = batch_get_image  # type: ignore[method-assign,assignment]


def _sagemaker() -> None:
    """SageMaker is this package's; moto keeps its tables and does its tags, the rest is refused."""
    import moto.sagemaker.urls
    import moto.sagemakerruntime.urls

    from local.sagemaker.api import SageMaker
    from local.sagemaker.runtime import SageMakerRuntime

    for path in moto.sagemaker.urls.url_paths:
        moto.sagemaker.urls.url_paths[path] = SageMaker.dispatch
    for path in moto.sagemakerruntime.urls.url_paths:
        moto.sagemakerruntime.urls.url_paths[path] = SageMakerRuntime.dispatch


def _models() -> None:
    """AWS's models are read by one loader: moto makes one for each service, and botocore one for
    each session, and each looks through the folders of all 400 before it reads one file."""
    import botocore.session
    import moto.core.utils

    moto.core.utils.create_loader = cache(moto.core.utils.create_loader)
    botocore.session.create_loader = cache(botocore.session.create_loader)
