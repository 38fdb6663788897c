"""The deployment workflow: a version becomes what the endpoint serves, or the endpoint stays as it
was.

Input: {"name", "image", "modelDataUrl", "commit"}; of what was registered {"package"} (version.py),
from the training workflow {"training"} (order.py), and from `make rollback` {"rollback"} (kept.py)
or {"unguarded"} (rollout.py). It is the only way to the endpoint. All between its first turn and
its end is done by one execution at a time (queue.py). What the words of a story mean: language.py.
"""

from dataclasses import dataclass

from troposphere import If, Ref, Template
from troposphere.stepfunctions import StateMachine

from templates.kit.logs import add_log_group
from templates.parameters import Parameters
from templates.parts.alarms import Alarms
from templates.parts.notifications import Notifications
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.deployment.cleanup import remove_failed, remove_old_versions
from templates.workflows.deployment.endpoint import (
    SEEN,
    bring_to_endpoint,
    endpoint_problems,
    rolled_back,
    verify,
)
from templates.workflows.deployment.going_back import go_back_if_wrong, rolled_back_if_wrong
from templates.workflows.deployment.golden import (
    GOLDEN,
    UNASKED,
    ask_golden,
    read_golden,
)
from templates.workflows.deployment.kept import note_rollback, take_kept
from templates.workflows.deployment.order import refuse_older
from templates.workflows.deployment.rollout import UNPLANNED, look_at_alarms, plan_rollout
from templates.workflows.deployment.scaling import check_scaling, make_way, resume, scale
from templates.workflows.deployment.serving import (
    SERVING,
    SERVING_NAME,
    TYPE,
    describe_config,
    find_serving,
    find_serving_now,
)
from templates.workflows.deployment.turn import take_turn
from templates.workflows.deployment.version import (
    CAPTURING,
    ISOLATED,
    add_version,
    hosting_role,
)
from templates.workflows.failure import ABOUT_WORDS, RUN, check_input, failure, problem, say_about
from templates.workflows.language import (
    COUNT,
    FIRST_LOOK,
    NOTIFY,
    State,
    Step,
    any_of,
    catch,
    check,
    choose,
    compares,
    end,
    equals,
    present,
    put,
    when,
)
from templates.workflows.machine import add_state_machine
from templates.workflows.settings import (
    DeploymentSettings,
    deployment_settings,
    setting_tokens,
    setting_values,
)

_NEEDED = ("name", "image", "modelDataUrl", "commit")


@dataclass(frozen=True)
class Deployment:
    workflow: StateMachine


def add_deployment(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    registry: Registry,
    notifications: Notifications,
    alarms: Alarms,
) -> Deployment:
    """The endpoint's log group, and the workflow with the role that it gives to the endpoint."""
    logs = add_log_group(
        template, "EndpointLogs", "/aws/sagemaker/Endpoints/${ProjectName}", parameters, storage.key
    )
    settings = deployment_settings(parameters)
    topic, key = notifications.topic, storage.key
    runs_as = hosting_role(parameters, storage, registry, logs, alarms)
    remove = remove_failed(registry)
    after = [*resume(settings, remove[0].name), *remove]
    story = [
        check_input(_NEEDED, unknown=say_about("NameUnknown", RUN, then=NOTIFY)),
        choose("IsAboutGiven", when(present(ABOUT_WORDS)), otherwise=[_name_commit()]),
        _configure(parameters, settings),
        _check_instances(settings),
        check_scaling(settings),
        *take_turn(storage),
        *find_serving(settings),
        *refuse_older(_summarize("SummarizeSuperseded", SERVING_NAME), topic, key),
        *read_golden(storage),
        take_kept(
            settings,
            _summarize("SummarizeSame", SERVING_NAME),
            storage,
            registry,
            then="ChooseEncryption",
        ),
        *add_version(settings, storage, registry, runs_as),
        *bring_to_endpoint([find_serving_now(), *plan_rollout(settings, alarms), *_make_way()]),
        *verify(
            ask_golden(settings, storage),
            describe_config("LookBehind", f"{SEEN}.EndpointConfigName", "$.now", is_new=True),
            [
                rolled_back_if_wrong(),
                *rolled_back(
                    look_at_alarms("FindRung", alarms, "$.rang", [catch(None, at="$.rang")])
                ),
            ],
        ),
        go_back_if_wrong(),
        *scale(settings, topic, key),
        note_rollback("Summarize", otherwise="WarnOfLeftovers"),
        *remove_old_versions(parameters, registry, topic, key),
        _summarize("Summarize", "$.name", {"rollout.$": "$.rollout"}),
        end("Deployed"),
        *endpoint_problems(),
        *failure("${ProjectName}: a model was not deployed", topic, key, after, ABOUT_WORDS),
    ]
    machine = add_state_machine(
        template,
        "DeploymentWorkflow",
        "deployment",
        "Deploys one version to the endpoint and verifies that it serves",
        story,
        parameters,
        key,
    )
    return Deployment(workflow=machine)


def _configure(parameters: Parameters, settings: DeploymentSettings) -> Step:
    conditions = {ISOLATED: "Isolated", CAPTURING: "Capturing"}
    return put(
        "Configure",
        None,
        {
            **{f"{name}.$": f"$.{name}" for name in (*_NEEDED, "about")},
            "settings": setting_values(settings),
            **{
                f"{path.removeprefix('$.')}.$": f"States.StringToJson('${{{token}}}')"
                for path, token in conditions.items()
            },
            **UNASKED,
            **UNPLANNED,
            COUNT.removeprefix("$."): FIRST_LOOK,
        },
        tokens={
            **setting_tokens(settings),
            "Isolated": If(parameters.serverless, "false", "true"),
            "Capturing": If(parameters.capture_wanted, "true", "false"),
        },
        comment="Parameters of the stack arrive as text; numbers are parsed here",
    )


def _name_commit() -> Step:
    """A training says more: who asked for it, and how good it is."""
    return say_about("NameCommit", "States.Format('Commit {}', $.commit)")


def _make_way() -> list[Step]:
    find_new = describe_config("FindNewConfig", "$.name", "$.new", is_new=True)
    return make_way(find_new, f"{SERVING}.{TYPE}", f"$.new.{TYPE}")


def _check_instances(settings: DeploymentSettings) -> Step:
    """CloudFormation compares no numbers of parameters, so that it cannot refuse the pair."""
    least, most = settings.instance_count.path, settings.max_instance_count.path
    refuse = problem(
        "FewerThanLeast",
        f"States.Format('EndpointMaxInstanceCount is {{}} and EndpointInstanceCount {{}}: it must "
        f"not be less, but for 0, which is no scaling', {most}, {least})",
        error="InvalidInput",
    )
    enough = any_of(equals(most, 0), compares(most, "NumericGreaterThanEqualsPath", least))
    return check("AreInstancesSane", enough, otherwise=[refuse])


def _summarize(name: str, serves: str, more: State | None = None) -> Step:
    """`serves` is the version that the endpoint serves: this one, or the one that superseded it."""
    kept = ("name", "commit", "image", "modelDataUrl")
    return put(
        name,
        None,
        {
            **{f"{each}.$": f"$.{each}" for each in kept},
            "endpoint": "${ProjectName}",
            "serves.$": serves,
            "golden.$": GOLDEN,
            **(more or {}),
        },
        tokens={"ProjectName": Ref("ProjectName")},
    )
