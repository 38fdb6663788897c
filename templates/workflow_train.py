"""Training, second part: one SageMaker job, or two where spot capacity was lacking."""

from awacs import sagemaker
from troposphere import Sub
from troposphere.iam import Role

from templates.asl import State, Step, catch, task
from templates.grants import follow_by_rule, lend_key, pass_role
from templates.iam import allow
from templates.machine import SAGEMAKER_RETRY, encrypts_itself
from templates.names import versions
from templates.parameters import Parameters
from templates.storage import Storage
from templates.workflow_capacity import choose_capacity, fall_back
from templates.workflow_failure import job_failure_steps

_METRICS = (
    *(
        f"{part}:{kind}"
        for part in ("train", "validation", "eval")
        for kind in ("loss", "accuracy")
    ),
    "train:images_per_second",
    "export:onnx",
)


def train_steps(parameters: Parameters, storage: Storage, role: Role) -> list[Step]:
    """From ChooseEncryption to HasVerdict when a job has ended, or to a failure."""
    return [
        Step(
            "ChooseEncryption",
            {
                "Type": "Choice",
                "Comment": "Local disks are encrypted by hardware and refuse a key",
                "Choices": [{**encrypts_itself("$.settings.instanceType"), "Next": "UseLocalDisk"}],
                "Default": "UseKey",
            },
        ),
        _resources("UseKey", {"VolumeKmsKeyId": "${Key}"}, {"Key": storage.key.get_att("Arn")}),
        _resources("UseLocalDisk", {}, {}),
        *choose_capacity(),
        _train(parameters, storage, role),
        *fall_back(),
        *job_failure_steps(),
    ]


def _resources(name: str, encryption: State, tokens: dict[str, object]) -> Step:
    return Step(
        name,
        {
            "Type": "Pass",
            "Parameters": {
                "InstanceType.$": "$.settings.instanceType",
                "InstanceCount.$": "$.settings.instanceCount",
                "VolumeSizeInGB.$": "$.settings.volumeGB",
                **encryption,
            },
            "ResultPath": "$.resources",
            "Next": "ChooseCapacity",
        },
        tokens=tokens,
    )


def _train(parameters: Parameters, storage: Storage, role: Role) -> Step:
    """The name carries the retry count: a name is used up by its first try, and another try under
    it would fail with ResourceInUse and hide the reason of the first (CreateTrainingJob).

    Isolated containers of one job reach each other and nothing else: "traffic is limited to the
    peers of each training container" (Run Training and Inference Containers in Internet-Free Mode,
    SageMaker Developer Guide). That traffic is encrypted as everything else here is: it costs time
    with several instances, nothing with one (Protect Communications Between ML Compute Instances).
    """
    actions = [
        sagemaker.CreateTrainingJob,
        sagemaker.DescribeTrainingJob,
        sagemaker.StopTrainingJob,
        sagemaker.AddTags,
        sagemaker.ListTags,
    ]
    return task(
        "Train",
        "sagemaker:createTrainingJob.sync",
        {
            "TrainingJobName.$": "States.Format('{}-{}', $.capacity.job, $$.State.RetryCount)",
            "RoleArn": "${TrainingJobRole}",
            "AlgorithmSpecification": {
                "TrainingImage.$": "$.trainingImage",
                "TrainingInputMode": "File",
                "MetricDefinitions": [
                    {"Name": name, "Regex": f"{name}=([0-9.eE+-]+)"} for name in _METRICS
                ],
            },
            "HyperParameters.$": "$.hyperparameters",
            "InputDataConfig": [
                {
                    "ChannelName": "training",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": "s3://${DataBucket}/data/",
                            "S3DataDistributionType": "FullyReplicated",
                        }
                    },
                }
            ],
            "OutputDataConfig": {"S3OutputPath": "${ModelsUri}", "KmsKeyId": "${Key}"},
            "ResourceConfig.$": "$.resources",
            "StoppingCondition.$": "$.capacity.stopping",
            "EnableManagedSpotTraining.$": "$.capacity.spot",
            # LocalPath is /opt/ml/checkpoints unless it is given (CheckpointConfig)
            "CheckpointConfig.$": "$.checkpoints",
            "EnableNetworkIsolation": True,
            "EnableInterContainerTrafficEncryption": True,
            "Tags": [
                {"Key": "project", "Value": "${ProjectName}"},
                {"Key": "commit", "Value.$": "$.commit"},
            ],
        },
        then="HasVerdict",
        caught_by=[
            catch("ListJobs", error="States.Timeout"),
            catch("IsJobDescription"),
        ],
        retried=[SAGEMAKER_RETRY],
        seconds="$.capacity.timeoutSeconds",
        result={"ResultPath": "$.training"},
        grants=[
            allow("RunTrainingJobs", actions, [versions("training-job")]),
            *follow_by_rule("StepFunctionsGetEventsForSageMakerTrainingJobsRule"),
            *pass_role("PassTrainingJobRole", role, "sagemaker"),
            *lend_key(storage.key),
        ],
        tokens={
            "TrainingJobRole": role.get_att("Arn"),
            "DataBucket": storage.data.ref(),
            "ModelsUri": Sub("s3://${Bucket}/models/", Bucket=storage.artifacts.ref()),
            "Key": storage.key.get_att("Arn"),
            "ProjectName": parameters.project_name.ref(),
        },
    )
