"""A SageMaker job that a workflow waits for, with all that comes with one: its role, the key of its
volumes, its failure in a person's words, and its end when nobody waits any more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from awacs import sagemaker
from awacs.aws import Action, Statement
from troposphere import Ref
from troposphere.iam import Role
from troposphere.kms import Key

from templates.kit.grants import (
    follow_by_rule,
    lend_key,
    pass_role,
    pull_images,
    put_metrics,
    use_key,
    write_job_logs,
)
from templates.kit.iam import allow, arn, service_role
from templates.kit.names import job_log_streams, versions
from templates.parts.registry import Registry
from templates.workflows.disks import choose_key
from templates.workflows.failure import problem, read_cause
from templates.workflows.language import (
    EXPLAIN,
    Rule,
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

# The name of the version that a story is about: every job's name begins with it
VERSION = "$.name"


@dataclass(frozen=True)
class Kind:
    """How SageMaker's kinds of jobs differ (SageMaker API Reference; managed rules and permissions:
    Manage SageMaker AI jobs, Step Functions Developer Guide).

    `operations` is in the names of its operations and fields; `role`, `machines` and `isolation`
    are where its request has the role, the instances with their volumes, and the network, None
    where it has none. `reasons` are the fields that may say why it failed, the plainest first, and
    `detail` is one that says how it ended.
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

    def field(self, name: str) -> str:
        return f"{self.operations}Job{name}"


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
# A container's own words are in ExitMessage; its FailureReason names an exit code (Build Your Own
# Processing Container, SageMaker Developer Guide)
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
TUNING = Kind(
    "HyperParameterTuning",
    "hyper-parameter-tuning-job",
    "StepFunctionsGetEventsForSageMakerTuningJobsRule",
    "/aws/sagemaker/TrainingJobs",
    role=("TrainingJobDefinition", "RoleArn"),
    machines=("TrainingJobDefinition", "ResourceConfig"),
    isolation=("TrainingJobDefinition",),
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
            *pull_images(registry.repository),
            *grants,
            *use_key("UseKeyForData", key, "s3"),
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
    what: str,
    of: str | None = None,
    at: str,
    called: str = VERSION,
    machines: State,
    runs_as: Role | None,
    key: Key,
    seconds: int | str,
    tokens: Mapping[str, Any] | None = None,
    before: Sequence[Step] = (),
    results: Rule | None = None,
    without_results: Way = None,
    fall_back: Sequence[Rule] = (),
    note: str = "",
) -> list[Step]:
    """Run a job, and go on below when it has completed (with `results`, else `without_results`).

    Its description is kept at a path, also where it failed: then one of the ways of `fall_back` is
    gone, or the run fails with the reason, after which `note` (a path) is told. `what` it does is
    in a person's words, and `of` in the names of the states beside it. Its name is what lies at
    `called` and the retry count: a name is used up by its first try, and another try under it would
    fail with ResourceInUse and hide the reason of the first (CreateTrainingJob).

    `machines` are the fields of its instances, `request` the rest of its request but for its name,
    role, network and tags. It has no network: isolated containers of one job reach each other and
    nothing else, "traffic is limited to the peers of each training container" (Run Training and
    Inference Containers in Internet-Free Mode, SageMaker Developer Guide). That traffic is
    encrypted as everything else here is: it costs time with several instances, nothing with one
    (Protect Communications Between ML Compute Instances).
    """
    of = what if of is None else of
    ask = f"May{of}FallBack" if fall_back else f"Has{of}Reason"
    completed = equals(f"{at}.{kind.field('Status')}", "Completed")
    ways = [when(completed)]
    if results:
        ways = [when(all_of(completed, results)), when(completed, without_results)]
    return [
        _choose_machines(of, machines, key),
        *before,
        task(
            name,
            f"sagemaker:create{kind.field('')}.sync",
            _request(kind, request, called, runs_as),
            grants=_grants(kind, runs_as, key),
            tokens={
                "ProjectName": Ref("ProjectName"),
                **({runs_as.title: runs_as.get_att("Arn")} if runs_as else {}),
                **(tokens or {}),
            },
            roles=[runs_as] if runs_as else [],
            at=at,
            caught=[
                catch(_stop(of, kind), error="States.Timeout"),
                catch(_take_description(of, kind, at, ask)),
            ],
            seconds=seconds,
        ),
        # A job that was stopped, or ran out of time, has not failed, and is no success either
        choose(
            f"Has{of}Verdict",
            *ways,
            otherwise=[_tell(ask, kind, what, at, fall_back, note)],
        ),
    ]


def _choose_machines(of: str, machines: State, key: Key) -> Step:
    return choose_key(
        f"Choose{of}Encryption",
        machines["InstanceType.$"],
        [
            put(
                f"Use{of}Key",
                "$.resources",
                {**machines, "VolumeKmsKeyId": "${Key}"},
                tokens={"Key": key.get_att("Arn")},
            )
        ],
        [put(f"Use{of}LocalDisk", "$.resources", machines)],
    )


def _request(kind: Kind, request: State, called: str, runs_as: Role | None) -> State:
    """The whole request: `request` and what every job of this kind has, each where it belongs."""
    whole: State = {
        f"{kind.field('Name')}.$": f"States.Format('{{}}-{{}}', {called}, $$.State.RetryCount)",
        **request,
    }
    _lay(whole, (*kind.machines[:-1], f"{kind.machines[-1]}.$"), "$.resources")
    if kind.role and runs_as:
        _lay(whole, kind.role, f"${{{runs_as.title}}}")
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


def _grants(kind: Kind, runs_as: Role | None, key: Key) -> list[Statement]:
    """Permissions of the integration, which tags what it starts (Manage SageMaker AI jobs)."""
    actions = [
        *(
            Action("sagemaker", f"{verb}{kind.field('')}")
            for verb in ("Create", "Describe", "Stop")
        ),
        sagemaker.AddTags,
        sagemaker.ListTags,
    ]
    return [
        allow(f"Run{kind.field('s')}", actions, [versions(kind.resource)]),
        *follow_by_rule(kind.rule),
        *(pass_role(f"Pass{runs_as.title}", runs_as, "sagemaker") if runs_as else []),
        *lend_key(key),
    ]


def _take_description(of: str, kind: Kind, at: str, ask: str) -> list[Step]:
    """After an error: the description goes where that of a job without an error is."""
    read = read_cause(f"Is{of}JobDescription", f"Read{of}Job", kind.field("Name"), "$.job")
    return [*read, put(f"Take{of}Job", at, "$.job.description", then=ask)]


def _tell(ask: str, kind: Kind, what: str, at: str, fall_back: Sequence[Rule], note: str) -> Step:
    """Another way, or the end of the run, in a person's words."""
    name, status = f"{at}.{kind.field('Name')}", f"{at}.{kind.field('Status')}"
    noted = "{}" if note else ""

    def told(words: str, *values: str) -> str:
        return f"States.Format('{what} job {words}', {', '.join(filter(None, (name, *values)))})"

    failed = [
        when(
            present(f"{at}.{reason}"),
            [
                problem(
                    f"{what}{'Crashed' if number else 'Failed'}",
                    told(f"{{}} failed{noted}: {{}}", note, f"{at}.{reason}"),
                    error=f"{what}Failed",
                )
            ],
        )
        for number, reason in enumerate(kind.reasons)
    ]
    detail = f"{at}.{kind.detail}" if kind.detail else ""
    ended = f"{{}} ended as {{}}{' ({})' if detail else ''}{noted}"
    incomplete = problem(f"{what}Incomplete", told(ended, status, detail, note))
    return choose(ask, *fall_back, *failed, otherwise=[incomplete])


def _stop(of: str, kind: Kind) -> list[Step]:
    """A job that outlives the wait, because it queued for capacity, would work for nobody."""
    operation, jobs = kind.field(""), versions(kind.resource)
    stop = task(
        f"Stop{of}Job",
        f"aws-sdk:sagemaker:stop{operation}",
        {f"{kind.field('Name')}.$": "$.name"},
        grants=[
            allow(f"Stop{operation}s", [Action("sagemaker", f"Stop{operation}")], [jobs]),
        ],
        at="$.stopped",
        caught=[catch(f"{of}JobStopped")],
    )
    return [
        task(
            f"List{of}Jobs",
            f"aws-sdk:sagemaker:list{operation}s",
            {"NameContains.$": VERSION, "StatusEquals": "InProgress", "MaxResults": 10},
            # Listing jobs has no resource level
            grants=[allow(f"List{of}Jobs", [Action("sagemaker", f"List{operation}s")], ["*"])],
            at="$.jobs",
            select={"names.$": f"$.{operation}Summaries[*].{kind.field('Name')}"},
            caught=[catch(EXPLAIN, at="$.stopping")],
        ),
        each(
            f"Stop{of}Jobs",
            "$.jobs.names",
            {"name.$": "$$.Map.Item.Value"},
            [stop, end(f"{of}JobStopped")],
            at="$.stopping",
            then=EXPLAIN,
        ),
    ]
