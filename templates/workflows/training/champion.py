"""Training: what does the endpoint serve now, and is its model still there to be held against?

From the endpoint to its configuration, to the model of that, to the archive in S3: what is really
served, whatever was meant to be. Where nothing serves there is no champion; where something does
and its archive cannot be found, the evaluation is told why.
"""

from awacs import sagemaker

from templates.kit.iam import allow
from templates.kit.names import version_arns, version_prefix
from templates.parts.storage import Storage
from templates.workflows.archive import find_archive
from templates.workflows.deployment.endpoint import describe_endpoint, endpoint_is
from templates.workflows.deployment.version import BACK_FROM_TAG, UNSEEN
from templates.workflows.language import (
    EXPLAIN,
    Below,
    State,
    Step,
    all_of,
    catch,
    check,
    choose,
    matches,
    present,
    put,
    task,
    when,
)

# Its name, NO_CHAMPION without one; where its archive is or, in the place of that, why it is gone
CHAMPION = "$.champion"
CHAMPION_NAME, CHAMPION_MODEL, CHAMPION_GONE = (
    f"{CHAMPION}.{field}" for field in ("name", "modelDataUrl", "gone")
)
NO_CHAMPION = "none"
# The version from which the endpoint was taken back to this one, if it was
_BACK = "$.back"
CHAMPION_BACK_FROM = f"{_BACK}.from[0]"

_SERVING, _CONFIG, _MODEL, _ARCHIVE = "$.serving", "$.config", "$.model", "$.archive"
# An endpoint's configuration has its version's name
_NAME, _URL = f"{_SERVING}.EndpointConfigName", f"{_MODEL}.PrimaryContainer.ModelDataUrl"
# Nothing has served yet, or will again. During an update the endpoint names what still serves
_IDLE = ("Creating", "Failed", "Deleting", "OutOfService")
_CAUSE = "$.error.Cause"


def find_champion(storage: Storage) -> list[Step]:
    nobody = put("NoChampion", CHAMPION, {"name": NO_CHAMPION}, then=Below("TakeChampion"))
    return [
        describe_endpoint("FindServing", _SERVING, [_unless_there("IsEndpointThere", nobody)]),
        check(
            "IsServing",
            all_of(present(_NAME), {"Not": endpoint_is(*_IDLE, at=_SERVING)}),
            otherwise=nobody.name,
        ),
        *_find_model(),
        *find_archive(
            "Archive",
            _URL,
            storage,
            _ARCHIVE,
            elsewhere=[
                _gone("ChampionElsewhere", "its archive is not among the models of this stack")
            ],
            gone=[_gone("ChampionLostArchive", "its archive is not in S3 any more")],
        ),
        put("TakeChampion", CHAMPION, {"name.$": _NAME, "modelDataUrl.$": _URL}),
    ]


def _find_model() -> list[Step]:
    foreign = _gone("ForeignChampion", "what the endpoint serves is no version of this stack")
    no_config = _gone("ChampionLostConfig", "the configuration of its endpoint is not there")
    no_model = _gone("ChampionLostModel", "its model in SageMaker is not there")
    return [
        check(
            "IsVersion",
            matches(_NAME, "${VersionPrefix}-*"),
            otherwise=[foreign],
            tokens={"VersionPrefix": version_prefix()},
        ),
        task(
            "FindServingConfig",
            "aws-sdk:sagemaker:describeEndpointConfig",
            {"EndpointConfigName.$": _NAME},
            grants=[
                allow(
                    "SeeConfigs",
                    [sagemaker.DescribeEndpointConfig],
                    [version_arns("endpoint-config")],
                )
            ],
            at=_CONFIG,
            select={"models.$": "$.ProductionVariants[*].ModelName"},
            caught=[_unless_there("IsConfigThere", no_config)],
            passing=[UNSEEN.format("endpoint configuration")],
        ),
        check("NamesModel", present(f"{_CONFIG}.models[0]"), otherwise=no_model.name),
        task(
            "FindServingModel",
            "aws-sdk:sagemaker:describeModel",
            {"ModelName.$": f"{_CONFIG}.models[0]"},
            grants=[allow("SeeModels", [sagemaker.DescribeModel], [version_arns("model")])],
            at=_MODEL,
            caught=[_unless_there("IsModelThere", no_model)],
            passing=[UNSEEN.format("model")],
        ),
        # It is only told, so that a run does not end for want of it
        task(
            "ReadServingTags",
            "aws-sdk:sagemaker:listTags",
            {"ResourceArn.$": f"{_MODEL}.ModelArn"},
            grants=[allow("ReadTags", [sagemaker.ListTags], [version_arns("model")])],
            at=_BACK,
            select={"from.$": f"$.Tags[?(@.Key == '{BACK_FROM_TAG}')].Value"},
            caught=[catch(None, at=_BACK)],
        ),
    ]


def _gone(name: str, why: str) -> Step:
    """There is a champion, and nothing of it can be scored."""
    return put(name, CHAMPION, {"name.$": _NAME, "gone": why}, then=Below("TakeChampion"))


def _unless_there(question: str, absent: Step) -> State:
    """What is not there comes as an error without a name; any other is explained."""
    missing = all_of(present(_CAUSE), matches(_CAUSE, "*Could not find*"))
    return catch([choose(question, when(missing, [absent]), otherwise=EXPLAIN)])
