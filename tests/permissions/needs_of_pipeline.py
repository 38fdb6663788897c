"""What the pipeline and its builds must be able to do."""

from collections.abc import Iterator

from tests.permissions.deployed import Deployed
from tests.permissions.need import Need, need

# CodePipeline User Guide
_PIPELINE = "Create the CodePipeline service role: minimum policy"
_ARTIFACTS = "Create a pipeline that uses resources of another account: use of the artifacts' key"
_CHECKOUT = "CodeCommit source action reference: service role permissions"
_BUILDS = "CodeBuild action reference: service role permissions"
_WORKFLOW = "Step Functions action reference: service role permissions"
# CodeBuild User Guide
_BUILD = "Allow CodeBuild to interact with other AWS services: service role"
_BUILD_KEY = "Create and configure a customer managed key for CodeBuild: through S3"
_SEE_KEY = "Create and configure a customer managed key for CodeBuild: kms:DescribeKey"
_REPORTS = "Working with test report permissions"
_BASE = "Allow CodeBuild to interact with other AWS services: pull an image of the account (ECR)"
# Others
_PUSH = "Pushing an image (ECR User Guide): required permissions"
_PARTS = "Uploading and copying objects using multipart upload (S3 User Guide): abort"

_READ, _WRITE = "s3:GetObject GetObjectVersion", "s3:PutObject AbortMultipartUpload"
_PULL = "ecr:BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer"


def needs(at: Deployed) -> Iterator[Need]:
    yield from _of_pipeline(at, "PipelineRole")
    yield from _of_build(at, "TestBuildRole", "test", takes="SourceOutp")
    reports = at.arn("codebuild", "report-group/mlops-test-unit")
    write = "codebuild:CreateReportGroup CreateReport UpdateReport BatchPutTestCases"
    yield from need("TestBuildRole", write, reports, _REPORTS)
    yield from _of_build(at, "ImageBuildRole", "image", takes="SourceOutp")
    yield from _of_image_build(at, "ImageBuildRole")
    if at.partition == "aws-cn":
        yield from _of_build(at, "TrainBuildRole", "train", takes="BuildOutpu")
        machine = at.arn("states", "stateMachine:mlops-training")
        execution = at.arn("states", "execution:mlops-training:mlops-train-0a1b")
        yield from need("TrainBuildRole", "states:StartExecution", machine, "buildspec/train.yml")
        follow = "states:DescribeExecution GetExecutionHistory StopExecution"
        yield from need("TrainBuildRole", follow, execution, "buildspec/train.yml")


def _of_pipeline(at: Deployed, role: str) -> Iterator[Need]:
    bucket, key = at.arns["ArtifactBucket"], at.arns["Key"]
    for artifact in ("SourceOutp", "BuildOutpu"):
        yield from need(role, _READ, f"{bucket}/mlops/{artifact}/1a2b3c4", _PIPELINE)
    checked_out = f"{bucket}/mlops/SourceOutp/1a2b3c4"
    yield from need(role, _WRITE, checked_out, f"{_PIPELINE}; {_PARTS}")
    find = "s3:GetBucketAcl GetBucketLocation GetBucketVersioning"
    yield from need(role, find, bucket, _PIPELINE)
    yield from need(role, "kms:Decrypt GenerateDataKey", key, _ARTIFACTS, at.via("s3"))
    yield from need(role, "kms:DescribeKey", key, _ARTIFACTS)
    checkout = "codecommit:GetBranch GetCommit UploadArchive GetUploadArchiveStatus"
    yield from need(role, checkout, at.arns["CodeRepository"], _CHECKOUT)
    yield from need(role, "codecommit:CancelUploadArchive", at.arns["CodeRepository"], _CHECKOUT)
    china = at.partition == "aws-cn"
    for project in ("test", "image", "train") if china else ("test", "image"):
        build = at.arn("codebuild", f"project/mlops-{project}")
        yield from need(role, "codebuild:StartBuild BatchGetBuilds", build, _BUILDS)
    if not china:
        machine = at.arn("states", "stateMachine:mlops-training")
        execution = at.arn("states", "execution:mlops-training:1a2b")
        start = "states:StartExecution DescribeStateMachine"
        yield from need(role, start, machine, f"stage Train; {_WORKFLOW}")
        yield from need(role, "states:DescribeExecution", execution, f"stage Train; {_WORKFLOW}")


def _of_build(at: Deployed, role: str, project: str, takes: str) -> Iterator[Need]:
    """What every build needs: its log, and the artifact that it takes."""
    bucket, key = at.arns["ArtifactBucket"], at.arns["Key"]
    stream = at.arn("logs", f"log-group:/aws/codebuild/mlops-{project}:log-stream:0a1b2c3d")
    yield from need(role, "logs:CreateLogStream PutLogEvents", stream, _BUILD)
    yield from need(role, _READ, f"{bucket}/mlops/{takes}/1a2b3c4", _BUILD)
    yield from need(role, "s3:GetBucketAcl GetBucketLocation", bucket, _BUILD)
    yield from need(role, "kms:Decrypt", key, _BUILD_KEY, at.via("s3"))
    yield from need(role, "kms:DescribeKey", key, _SEE_KEY)


def _of_image_build(at: Deployed, role: str) -> Iterator[Need]:
    sign_in = "buildspec/image.yml: aws ecr get-login-password"
    yield from need(role, "ecr:GetAuthorizationToken", "*", sign_in)
    repository = at.arns["ImageRepository"]
    push = "ecr:BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart"
    yield from need(role, push, repository, f"buildspec/image.yml: docker push; {_PUSH}")
    push = "ecr:CompleteLayerUpload PutImage BatchGetImage"
    yield from need(role, push, repository, f"buildspec/image.yml: docker push; {_PUSH}")
    yield from need(role, _PULL, at.arn("ecr", "repository/mirror/python"), f"BaseImage; {_BASE}")
    ask = "buildspec/image.yml: aws codepipeline get-pipeline-execution"
    yield from need(role, "codepipeline:GetPipelineExecution", at.arn("codepipeline", "mlops"), ask)
    artifact = at.under("ArtifactBucket", "mlops/BuildOutpu/1a2b3c4")
    yield from need(role, _WRITE, artifact, f"{_BUILD}; {_PARTS}")
    yield from need(role, "kms:GenerateDataKey", at.arns["Key"], _BUILD_KEY, at.via("s3"))
