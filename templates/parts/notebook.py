"""A notebook on request: the repository checked out, no root, stopped when idle."""

from awacs import codecommit, ecr, kms, s3, sagemaker
from troposphere import Base64, GetAtt, Output, Sub, Template
from troposphere.sagemaker import (
    InstanceMetadataServiceConfiguration,
    NotebookInstance,
    NotebookInstanceLifecycleConfig,
    NotebookInstanceLifecycleHook,
)

from templates.kit.console import console_page
from templates.kit.grants import read_objects, use_key, write_job_logs, write_objects
from templates.kit.iam import allow, arn, objects, service_role
from templates.parameters import Parameters
from templates.parts.registry import Registry
from templates.parts.source import Source
from templates.parts.storage import Storage

# Runs as root at every start, for five minutes at most (Customize a notebook instance using a
# lifecycle configuration script). The Jupyter server answers on the loopback interface only.
_STOP_WHEN_IDLE = """\
#!/bin/bash
set -e
cat > /usr/local/bin/stop-when-idle <<'PYTHON'
import datetime
import json
import ssl
import subprocess
import sys
import urllib.request

# The server's certificate is its own, and the connection stays on this machine
TRUST = ssl._create_unverified_context()


def ask(path):
    address = "https://localhost:8443/api/" + path
    with urllib.request.urlopen(address, context=TRUST, timeout=20) as answer:
        return json.load(answer)


def age_minutes(moment):
    then = datetime.datetime.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S")
    return (datetime.datetime.utcnow() - then).total_seconds() / 60


limit = float(sys.argv[1])
kernels = ask("kernels")
with open("/proc/uptime") as file:
    ages = [float(file.read().split()[0]) / 60]
ages += [age_minutes(kernel["last_activity"]) for kernel in kernels]
ages += [age_minutes(terminal["last_activity"]) for terminal in ask("terminals")]
if any(kernel["execution_state"] == "busy" for kernel in kernels) or min(ages) < limit:
    sys.exit(0)
with open("/opt/ml/metadata/resource-metadata.json") as file:
    name = json.load(file)["ResourceName"]
stop = ["aws", "sagemaker", "stop-notebook-instance", "--region", sys.argv[2]]
subprocess.check_call([*stop, "--notebook-instance-name", name])
PYTHON
cat > /etc/systemd/system/stop-when-idle.service <<'UNIT'
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /usr/local/bin/stop-when-idle ${Minutes} ${AWS::Region}
UNIT
cat > /etc/systemd/system/stop-when-idle.timer <<'UNIT'
[Timer]
OnBootSec=5min
OnUnitActiveSec=5min
UNIT
systemctl daemon-reload
systemctl start stop-when-idle.timer
"""


def add_notebook(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    source: Source,
    registry: Registry,
) -> None:
    """The instance, its role and its idle stop; all of them only where they were asked for."""
    wanted = parameters.notebook_wanted
    role = template.add_resource(
        service_role(
            "NotebookRole",
            "What the notebook may do",
            "sagemaker",
            arn("sagemaker", "*"),
            [
                # All of it, as all of it may be read: also without a prefix
                allow("ListData", [s3.ListBucket], [storage.data.get_att("Arn")]),
                *read_objects("ReadData", objects(storage.data)),
                *write_objects("WriteData", objects(storage.data, "data/")),
                *read_objects("ReadModels", objects(storage.artifacts, "models/")),
                *use_key("UseKeyForData", storage.key, "s3", kms.Decrypt, kms.GenerateDataKey),
                allow(
                    "PullAndPushCode",
                    [codecommit.GitPull, codecommit.GitPush],
                    [source.repository.get_att("Arn")],
                ),
                allow(
                    "CallEndpoint",
                    [sagemaker.InvokeEndpoint],
                    [arn("sagemaker", "endpoint/${ProjectName}")],
                ),
                allow("SeeImages", [ecr.DescribeImages], [registry.repository.get_att("Arn")]),
                allow(
                    "StopItself",
                    [sagemaker.StopNotebookInstance],
                    [arn("sagemaker", "notebook-instance/${ProjectName}")],
                ),
                *write_job_logs(
                    "/aws/sagemaker/NotebookInstances",
                    arn(
                        "logs",
                        "log-group:/aws/sagemaker/NotebookInstances:log-stream:${ProjectName}/*",
                    ),
                ),
            ],
            wanted,
        )
    )
    script = Sub(_STOP_WHEN_IDLE, Minutes=parameters.notebook_idle_minutes.ref())
    lifecycle = template.add_resource(
        NotebookInstanceLifecycleConfig(
            "NotebookLifecycle",
            Condition=wanted,
            OnStart=[NotebookInstanceLifecycleHook(Content=Base64(script))],
        )
    )
    template.add_resource(
        NotebookInstance(
            "Notebook",
            Condition=wanted,
            NotebookInstanceName=parameters.project_name.ref(),
            InstanceType=parameters.notebook_instance_type.ref(),
            PlatformIdentifier="notebook-al2023-v1",
            RoleArn=role.get_att("Arn"),
            DefaultCodeRepository=source.repository.get_att("CloneUrlHttp"),
            LifecycleConfigName=GetAtt(lifecycle, "NotebookInstanceLifecycleConfigName"),
            DirectInternetAccess="Enabled",  # without a VPC of yours there is no other way to AWS
            RootAccess="Disabled",
            KmsKeyId=storage.key.ref(),
            VolumeSizeInGB=20,
            InstanceMetadataServiceConfiguration=InstanceMetadataServiceConfiguration(
                MinimumInstanceMetadataServiceVersion="2"
            ),
        )
    )
    template.add_output(
        Output(
            "NotebookUrl",
            Condition=wanted,
            Description="The notebook in the console",
            Value=console_page(
                "/sagemaker/home?region=${AWS::Region}#/notebook-instances/${ProjectName}"
            ),
        )
    )
