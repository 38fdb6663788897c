#!/usr/bin/env python3
"""Writes bootstrap.yaml, mlops.yaml and deployer.yaml: static templates, the same bytes every time,
for every account and region."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("generate")

import argparse
from pathlib import Path

from troposphere import Output, Sub

from templates.kit.console import add_consoles
from templates.kit.render import Book, render
from templates.outputs import add_outputs
from templates.parameters import add_parameter, add_parameters
from templates.parts.alarms import add_alarms, add_drift_alarm
from templates.parts.budget import add_budget
from templates.parts.build import add_builds, add_training_build
from templates.parts.dashboard import add_dashboard
from templates.parts.deployer import add_deployer
from templates.parts.encryption import add_key
from templates.parts.notebook import add_notebook
from templates.parts.notifications import (
    add_alarm_alert,
    add_notifications,
    add_stage_alert,
    add_start_alert,
    add_workflow_alert,
)
from templates.parts.people import add_people
from templates.parts.pipeline import add_pipeline, named, plan_stages
from templates.parts.registry import add_registry
from templates.parts.source import add_push_trigger, add_source
from templates.parts.storage import add_bootstrap_bucket, add_storage
from templates.parts.undelivered import add_undelivered, add_undelivered_alarm
from templates.workflows.approval.story import add_approval
from templates.workflows.approval.trigger import add_decision_trigger
from templates.workflows.batch.story import add_batch
from templates.workflows.deployment.story import add_deployment
from templates.workflows.drift.story import add_drift
from templates.workflows.training.story import add_training
from templates.workflows.training.triggers import add_data_trigger, add_schedules

ROOT = Path(__file__).resolve().parent


def bootstrap() -> Book:
    """The bucket that must exist before the stack: template, code archive and seed data."""
    book = Book("MLOps for Amazon SageMaker: the bucket that a stack is created from")
    bucket = add_bootstrap_bucket(book)
    book.add_output(Output("Bucket", Description="Upload here", Value=bucket.ref()))
    return book


def mlops(specifications: dict[str, str]) -> Book:
    """The whole system in one stack; `specifications` are the files of buildspec/ by name."""
    book = Book("MLOps for Amazon SageMaker: push code, and a model that is good enough is served")
    parameters = add_parameters(book)
    add_consoles(book)
    book.chapter("Storage: one key, three buckets")
    key = add_key(book)
    storage = add_storage(book, parameters, key)
    book.chapter("Notifications: who hears of a failure")
    notifications = add_notifications(book, parameters, key)
    undelivered = add_undelivered(book)
    book.chapter("Source: the model's code")
    source = add_source(book, parameters)
    book.chapter("Registry: two images for each commit")
    registry = add_registry(book, parameters, key)
    book.chapter("Alarms: what takes a new version back")
    alarms = add_alarms(book, parameters)
    book.chapter("Deployment: a version becomes what the endpoint serves")
    deployment = add_deployment(book, parameters, storage, registry, notifications, alarms)
    book.chapter("Batch: a version answers a heap of objects")
    batch = add_batch(book, parameters, storage, registry, notifications)
    book.chapter("Approval: a decision about a version is carried out")
    approval = add_approval(book, parameters, storage, notifications, deployment)
    add_decision_trigger(book, parameters, approval, undelivered)
    book.chapter("Training: train, judge, deploy")
    training = add_training(
        book, parameters, storage, registry, notifications, deployment, approval
    )
    book.chapter("Drift: are requests still like what the model was made for?")
    drift = add_drift(book, parameters, storage, registry, notifications, training.workflow)
    add_drift_alarm(book)
    book.chapter("Without a push: when data arrives, and at times")
    add_data_trigger(book, storage, training.workflow, undelivered)
    add_schedules(book, parameters, training.workflow, drift, undelivered)
    book.chapter("Builds: test and images")
    builds = add_builds(book, parameters, storage, registry, specifications)
    book.chapter("Builds in China: wait for the training workflow, where the pipeline cannot")
    china = add_training_build(
        book, parameters, storage, training.workflow, specifications["train"]
    )
    book.chapter("Pipeline: Source, Test, Build, Train")
    stages = plan_stages(parameters, source, builds, training.workflow, china)
    trigger = add_push_trigger(book, parameters, source, undelivered)
    silent, telling = named(stages, tells=False), named(stages, tells=True)
    stage_alert = add_stage_alert(book, parameters, notifications, silent, telling)
    machines = [training.workflow, deployment.workflow, approval.workflow, batch, drift]
    alerts = [stage_alert, add_workflow_alert(book, notifications, machines)]
    undelivered_alarm = add_undelivered_alarm(book, undelivered)
    add_alarm_alert(book, notifications, [*alarms.alarms, undelivered_alarm])
    add_start_alert(book, notifications, china, parameters.in_china)
    pipeline = add_pipeline(book, parameters, storage, stages, after=[trigger, *alerts])
    add_outputs(
        book,
        parameters,
        storage,
        source,
        registry,
        notifications,
        deployment,
        batch,
        drift,
        approval,
        training,
        pipeline,
    )
    book.chapter("Watch: one page of the console")
    add_dashboard(
        book,
        parameters,
        {
            "Training": training.workflow,
            "Deployment": deployment.workflow,
            "Approval": approval.workflow,
            "Batch": batch,
            "DriftLook": drift,
        },
        [*(each.title for each in alarms.alarms), "DriftAlarm", "UndeliveredAlarm"],
    )
    book.chapter("Budget: on request")
    add_budget(book, parameters)
    book.chapter("Notebook: on request")
    add_notebook(book, parameters, storage, source, registry)
    return book


def deployer(system: Book) -> Book:
    """Who may bring `system` up without being an administrator: an administrator's one step."""
    book = Book("MLOps for Amazon SageMaker: a role for CloudFormation and policies for people")
    add_parameter(book, "ProjectName")
    book.chapter("CloudFormation: what it may do, and what roles that it makes can have at most")
    role, boundary = add_deployer(book, system)
    book.chapter("People: what those who develop may do, and those who may remove it all")
    add_people(book, system, role)
    command = (
        "make deploy STACK=${ProjectName} REGION=${AWS::Region} ROLE=${Role} "
        "PARAMS=PermissionsBoundary=${Boundary}"
    )
    first = Sub(command, Role=role.get_att("Arn"), Boundary=boundary.ref())
    book.add_output(Output("Command", Description="The first deployment", Value=first))
    return book


def main() -> None:
    """Write the templates into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "build", metavar="DIR", help="default: build/"
    )
    output: Path = parser.parse_args().output
    files = (ROOT / "buildspec").glob("*.yml")
    specifications = {file.stem: file.read_text(encoding="utf-8") for file in files}
    output.mkdir(parents=True, exist_ok=True)
    system = mlops(specifications)
    books = {"bootstrap": bootstrap(), "mlops": system, "deployer": deployer(system)}
    for name, book in books.items():
        (output / f"{name}.yaml").write_text(render(book), encoding="utf-8")
