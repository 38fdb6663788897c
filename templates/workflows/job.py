"""A SageMaker job that a workflow waits for, with all that comes with one: its role, the key of its
volumes, its failure in a person's words, and its end when nobody waits any more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from awacs import kms, sagemaker
from awacs.aws import Action, Statement
from troposphere import Ref, Sub
from troposphere.iam import Role
from troposphere.kms import Key

from templates.kit.grants import (
    follow_by_rule,
    lend_key,
    pass_role,
    pull_images,
    put_metrics,
    sign_in_to_registry,
    use_key,
    write_job_logs,
)
from templates.kit.iam import allow, arn, service_role
from templates.kit.names import job_log_streams, tuned_arns, version_arns
from templates.parts.registry import Registry
from templates.workflows.disks import choose_key
from templates.workflows.failure import problem, read_cause
from templates.workflows.language import (
    ChoiceRule,
    State,
    Step,
    Way,
    all_of,
    catch,
    choose,
    each,
    end,
    equals,
    present,
    put,
    task,
    when,
)

# Where a story keeps the name of its version: every job's name begins with that
VERSION_NAME = "$.name"


@dataclass(frozen=True)
class Kind:
    """How SageMaker's kinds of jobs differ (SageMaker API Reference; managed rules and permissions:
    Manage SageMaker AI jobs, Step Functions Developer Guide).

    `operations` is in the names of its operations and fields; `role`, `machines` and `isolation`
    are where its request has the role, the instances with their volumes, and the network, None
    where it has none. `reasons` are the fields that may say why it failed, the plainest first, and
    `detail` is one that says how it ended. `short` is one whose names are too short for a version's
    (names.py).
    """

    operations: str
    resource: str
    rule: str
    log_group: str
    role: tuple[str, ...] | None
    machines: tuple[str, ...]
    isolation: tuple[str, ...] | None
    reasons: tuple[str, ...] = ("FailureReason",)
    detail: str = ""
    short: bool = False

    def field(self, name: str) -> str:
        return f"{self.operations}Job{name}"

    def arns(self) -> Sub:
        return tuned_arns(self.resource) if self.short else version_arns(self.resource)


TRAINING = Kind(
    "Training",
    "training-job",
    "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
    "/aws/sagemaker/TrainingJobs",
    role=("RoleArn",),
    machines=("ResourceConfig",),
    isolation=(),
    detail="SecondaryStatus",
)
# For other jobs than training. What a processing container says itself is in ExitMessage, while
# FailureReason names an exit code (Build Your Own Processing Container, SageMaker Developer Guide)
PROCESSING = Kind(
    "Processing",
    "processing-job",
    "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
    "/aws/sagemaker/ProcessingJobs",
    role=("RoleArn",),
    machines=("ProcessingResources", "ClusterConfig"),
    isolation=("NetworkConfig",),
    reasons=("ExitMessage", "FailureReason"),
)
# Its jobs are training jobs, and it has no log of its own
TUNING = Kind(
    "HyperParameterTuning",
    "hyper-parameter-tuning-job",
    "StepFunctionsGetEventsForSageMakerTuningJobsRule",
    TRAINING.log_group,
    role=("TrainingJobDefinition", "RoleArn"),
    machines=("TrainingJobDefinition", "ResourceConfig"),
    isolation=("TrainingJobDefinition",),
    short=True,
)
# Its model has the role and the network
TRANSFORM = Kind(
    "Transform",
    "transform-job",
    "StepFunctionsGetEventsForSageMakerTransformJobsRule",
    "/aws/sagemaker/TransformJobs",
    role=None,
    machines=("TransformResources",),
    isolation=None,
)


def job_role(
    title: str,
    description: str,
    kind: Kind,
    registry: Registry,
    key: Key,
    grants: Sequence[Statement],
) -> Role:
    """What SageMaker may do for a job: what every job needs (SageMaker execution roles), and
    `grants`. The container itself has no network and no credentials."""
    return service_role(
        title,
        description,
        "sagemaker",
        arn("sagemaker", "*"),
        [
            *sign_in_to_registry(),
            *pull_images("PullImages", registry.repository.get_att("Arn")),
            *grants,
            *use_key("UseKeyForData", key, "s3", kms.Decrypt, kms.GenerateDataKey),
            *lend_key(key),
            *write_job_logs(kind.log_group, job_log_streams(kind.log_group)),
            *put_metrics("/aws/sagemaker/*"),
        ],
    )


def job(
    name: str,
    kind: Kind,
    request: State,
    *,
    noun: str,
    infix: str | None = None,
    result: str,
    job_name: str = VERSION_NAME,
    instance_type: str,
    machines: State,
    role: Role | None,
    key: Key,
    seconds: int | str,
    tokens: Mapping[str, Any] | None = None,
    before: Sequence[Step] = (),
    needed: tuple[ChoiceRule, Way] | None = None,
    fall_back: Sequence[ChoiceRule] = (),
    note: str = "",
) -> list[Step]:
    """Run a job, and go on below when it has completed.

    Its description is kept at the path `result`, also where it failed. Then the run goes the first
    way of `fall_back` whose rule holds, else it fails with the reason; what lies at `note` is put
    into that sentence. `needed` is what a completed job must have, and the way without it.

    The `noun` (`Evaluation`) is in the sentence, in the errors' names and, or `infix` in its place,
    in those of the states beside the job. The job is called by what lies at `job_name` and the
    retry count: a name is used up by its first try, and another try under it would fail with
    ResourceInUse and hide the reason of the first (CreateTrainingJob). A second job of a kind needs
    a name of its own, which begins with the version's: by that it is found when it has to be
    stopped, and it may be touched at all. It has at most 63 characters. One of a `short` kind is
    found by what lies at `job_name`.

    `instance_type` is a path, `machines` are the other fields of the instances, and `request` is
    the rest of the request but for name, role, network and tags. `before` stands between the choice
    of the volume's key, which is put at $.resources, and the job.

    A job has no network: isolated containers of one job reach each other and nothing else, "traffic
    is limited to the peers of each training container" (Run Training and Inference Containers in
    Internet-Free Mode, SageMaker Developer Guide). That traffic is encrypted as everything else
    here is: it costs time with several instances, nothing with one (Protect Communications Between
    ML Compute Instances).
    """
    infix = noun if infix is None else infix
    ask = f"May{infix}FallBack" if fall_back else f"Has{infix}Reason"
    completed = equals(f"{result}.{kind.field('Status')}", "Completed")
    ways = [when(completed)]
    if needed:
        rule, without = needed
        ways = [when(all_of(completed, rule)), when(completed, without)]
    return [
        _choose_machines(infix, {"InstanceType.$": instance_type, **machines}, key),
        *before,
        task(
            name,
            f"sagemaker:create{kind.field('')}.sync",
            _request(kind, request, job_name, role),
            grants=_grants(kind, role, key),
            tokens={
                "ProjectName": Ref("ProjectName"),
                **({role.title: role.get_att("Arn")} if role else {}),
                **(tokens or {}),
            },
            roles=[role] if role else [],
            at=result,
            caught=[
                catch(
                    _stop(infix, kind, noun, job_name if kind.short else VERSION_NAME, seconds),
                    error="States.Timeout",
                ),
                catch(_take_description(infix, kind, result, ask)),
            ],
            seconds=seconds,
        ),
        # A job that was stopped, or ran out of time, has not failed, and is no success either
        choose(
            f"Has{infix}Verdict",
            *ways,
            otherwise=[_explain_end(ask, kind, noun, result, fall_back, note)],
        ),
    ]


def _choose_machines(infix: str, machines: State, key: Key) -> Step:
    return choose_key(
        f"Choose{infix}Encryption",
        machines["InstanceType.$"],
        [
            put(
                f"Use{infix}Key",
                "$.resources",
                {**machines, "VolumeKmsKeyId": "${Key}"},
                tokens={"Key": key.get_att("Arn")},
            )
        ],
        [put(f"Use{infix}LocalDisk", "$.resources", machines)],
    )


def _request(kind: Kind, request: State, job_name: str, role: Role | None) -> State:
    """The whole request: `request` and what every job of this kind has, each where it belongs."""
    whole: State = {
        f"{kind.field('Name')}.$": f"States.Format('{{}}-{{}}', {job_name}, $$.State.RetryCount)",
        **request,
    }
    _lay(whole, (*kind.machines[:-1], f"{kind.machines[-1]}.$"), "$.resources")
    if kind.role and role:
        _lay(whole, kind.role, f"${{{role.title}}}")
    if kind.isolation is not None:
        for field in ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption"):
            _lay(whole, (*kind.isolation, field), True)
    whole["Tags"] = [
        {"Key": "project", "Value": "${ProjectName}"},
        {"Key": "commit", "Value.$": "$.commit"},
    ]
    return whole


def _lay(request: State, place: tuple[str, ...], value: object) -> None:
    *outer, last = place
    for name in outer:
        inner = dict(request.get(name, {}))
        request[name] = inner
        request = inner
    request[last] = value


def _grants(kind: Kind, role: Role | None, key: Key) -> list[Statement]:
    """Permissions of the integration, which tags what it starts (Manage SageMaker AI jobs)."""
    actions = [
        *(Action("sagemaker", f"{verb}{kind.field('')}") for verb in ("Create", "Describe")),
        sagemaker.AddTags,
        sagemaker.ListTags,
    ]
    return [
        allow(f"Run{kind.field('s')}", actions, [kind.arns()]),
        _stop_jobs(kind),
        *follow_by_rule(kind.rule),
        *(pass_role(f"Pass{role.title}", role, "sagemaker") if role else []),
        *lend_key(key),
    ]


def _stop_jobs(kind: Kind) -> Statement:
    """Asked of the integration, when its execution is stopped, and of our own stopping."""
    stop = Action("sagemaker", f"Stop{kind.field('')}")
    return allow(f"Stop{kind.field('s')}", [stop], [kind.arns()])


def _take_description(infix: str, kind: Kind, result: str, ask: str) -> list[Step]:
    """After an error: the description goes where that of a job without an error is."""
    read = read_cause(f"Is{infix}JobDescription", f"Read{infix}Job", kind.field("Name"), "$.job")
    return [*read, put(f"Take{infix}Job", result, "$.job.description", then=ask)]


def _explain_end(
    ask: str, kind: Kind, noun: str, result: str, fall_back: Sequence[ChoiceRule], note: str
) -> Step:
    """Another way, or the end of the run, in a person's words."""
    name, status = f"{result}.{kind.field('Name')}", f"{result}.{kind.field('Status')}"
    noted = "{}" if note else ""

    def sentence(words: str, *values: str) -> str:
        return f"States.Format('{noun} job {words}', {', '.join(filter(None, (name, *values)))})"

    failed = [
        when(
            present(f"{result}.{reason}"),
            [
                problem(
                    # The plainest reason makes the step's name, and each has a step of its own
                    f"{noun}Failed" + (f"With{reason}" if number else ""),
                    sentence(f"{{}} failed{noted}: {{}}", note, f"{result}.{reason}"),
                    error=f"{noun}Failed",
                )
            ],
        )
        for number, reason in enumerate(kind.reasons)
    ]
    detail = f"{result}.{kind.detail}" if kind.detail else ""
    ended = f"{{}} ended as {{}}{' ({})' if detail else ''}{noted}"
    incomplete = problem(f"{noun}Incomplete", sentence(ended, status, detail, note))
    return choose(ask, *fall_back, *failed, otherwise=[incomplete])


def _stop(infix: str, kind: Kind, noun: str, called: str, seconds: int | str) -> list[Step]:
    """A job that outlives the wait, because it queued for capacity, would work for nobody."""
    late = problem(
        f"{noun}TookTooLong",
        f"States.Format('{noun} job of {{}} had not ended after {{}} seconds and was told to stop. "
        f"Did it wait for capacity? Its log tells how far it came', {VERSION_NAME}, {seconds})",
    )
    operation = kind.field("")
    stop = task(
        f"Stop{infix}Job",
        f"aws-sdk:sagemaker:stop{operation}",
        {f"{kind.field('Name')}.$": "$.name"},
        grants=[_stop_jobs(kind)],
        at="$.stopped",
        caught=[catch(f"{infix}JobStopped")],
    )
    return [
        task(
            f"List{infix}Jobs",
            f"aws-sdk:sagemaker:list{operation}s",
            {"NameContains.$": called, "StatusEquals": "InProgress", "MaxResults": 10},
            # Listing jobs has no resource level
            grants=[allow(f"List{operation}s", [Action("sagemaker", f"List{operation}s")], ["*"])],
            at="$.jobs",
            select={"names.$": f"$.{operation}Summaries[*].{kind.field('Name')}"},
            caught=[catch(late.name, at="$.stopping")],
        ),
        each(
            f"Stop{infix}Jobs",
            "$.jobs.names",
            {"name.$": "$$.Map.Item.Value"},
            [stop, end(f"{infix}JobStopped")],
            at="$.stopping",
            caught=[],  # an item that could not be stopped is no failure
        ),
        late,
    ]
