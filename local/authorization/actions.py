"""Which resources an operation is on: for each service the resources, as they are made of the
request's members, and the operations on them; the action has the operation's name.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS services".
An operation that is not here is not judged. S3 and KMS have a file of their own (storage.py,
keys.py).
"""

# `{Member}` or `{member.of.a.member}`: one resource for each element of a list, `*` where it is not
# given; after a colon stands what is made of the value (_TURNS in asks.py). "*" alone is for
# operations without resource level
RESOURCES: dict[str, dict[str, str]] = {
    "application-autoscaling": {
        "*": "DescribeScalableTargets DescribeScalingPolicies",
        "scalable-target/*": "RegisterScalableTarget DeregisterScalableTarget PutScalingPolicy "
        "DeleteScalingPolicy",
    },
    "cloudformation": {
        "stack/{StackName}/*": "CreateStack UpdateStack DeleteStack DescribeStacks GetTemplate "
        "DescribeStackEvents DescribeStackResource DescribeStackResources ListStackResources "
        "CreateChangeSet ListChangeSets UpdateTerminationProtection",
        "{ChangeSetName:stack}": "DescribeChangeSet ExecuteChangeSet DeleteChangeSet",
        "*": "GetTemplateSummary ListStacks ValidateTemplate",
    },
    "cloudwatch": {
        "*": "PutMetricData GetMetricData GetMetricStatistics ListMetrics",
        "alarm:{AlarmName}": "PutMetricAlarm SetAlarmState DescribeAlarmHistory",
        "alarm:{AlarmNames}": "DeleteAlarms DescribeAlarms",
        "{ResourceARN}": "ListTagsForResource TagResource UntagResource",
    },
    "codebuild": {
        "project/{projectName}": "StartBuild ListBuildsForProject",
        "project/{name}": "CreateProject UpdateProject DeleteProject",
        "project/{names}": "BatchGetProjects",
        "project/{id:project}": "StopBuild",
        "project/{ids:project}": "BatchGetBuilds",
        "report-group/{name}": "CreateReportGroup",
        "{arn}": "UpdateReportGroup DeleteReportGroup",
        "{reportGroupArns}": "BatchGetReportGroups",
        "{reportGroupArn}": "ListReportsForReportGroup",
        "report-group/{reportArns:group}": "BatchGetReports",
        "report-group/{reportArn:group}": "DescribeTestCases",
        "*": "ListProjects ListReportGroups",
    },
    "codecommit": {
        "{repositoryName}": "CreateRepository DeleteRepository GetRepository CreateBranch "
        "GetBranch ListBranches CreateCommit GetCommit GetFile GetFolder "
        "UpdateRepositoryDescription",
        "{oldName}": "UpdateRepositoryName",
        "{resourceArn}": "ListTagsForResource TagResource UntagResource",
        "*": "ListRepositories",
    },
    "codepipeline": {
        "{name}": "GetPipeline GetPipelineState StartPipelineExecution DeletePipeline",
        "{pipeline.name}": "CreatePipeline UpdatePipeline",
        "{pipelineName}": "GetPipelineExecution ListPipelineExecutions ListActionExecutions "
        "StopPipelineExecution",
        "{pipelineName}/{stageName}": "RetryStageExecution",
        "{pipelineName}/{stageName}/{actionName}": "PutApprovalResult",
        "{resourceArn}": "ListTagsForResource TagResource UntagResource",
        "*": "ListPipelines",
    },
    "ecr": {
        "*": "GetAuthorizationToken",
        "repository/{repositoryName}": "BatchCheckLayerAvailability BatchGetImage "
        "InitiateLayerUpload UploadLayerPart CompleteLayerUpload PutImage "
        "DescribeImages ListImages BatchDeleteImage "
        "CreateRepository DeleteRepository GetRepositoryPolicy SetRepositoryPolicy "
        "DeleteRepositoryPolicy GetLifecyclePolicy PutLifecyclePolicy DeleteLifecyclePolicy "
        "PutImageTagMutability PutImageScanningConfiguration",
        "repository/{repositoryNames}": "DescribeRepositories",
        "{resourceArn}": "ListTagsForResource TagResource UntagResource",
    },
    "events": {
        "rule/{Name}": "PutRule DeleteRule DescribeRule EnableRule DisableRule",
        "rule/{Rule}": "PutTargets RemoveTargets ListTargetsByRule",
        "{ResourceARN}": "ListTagsForResource TagResource UntagResource",
        "*": "ListRules ListRuleNamesByTarget",
    },
    "iam": {
        "{RoleName:role}": "CreateRole DeleteRole GetRole UpdateRole "
        "UpdateAssumeRolePolicy PutRolePolicy GetRolePolicy DeleteRolePolicy ListRolePolicies "
        "AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies PutRolePermissionsBoundary "
        "DeleteRolePermissionsBoundary TagRole UntagRole ListRoleTags",
        "{PolicyArn}": "GetPolicy GetPolicyVersion DeletePolicy CreatePolicyVersion "
        "DeletePolicyVersion ListPolicyVersions SetDefaultPolicyVersion "
        "TagPolicy UntagPolicy",
        "policy/{PolicyName}": "CreatePolicy",
        "user/{UserName}": "GetUser",
        "*": "ListRoles ListPolicies ListUsers",
    },
    "logs": {
        "log-group:{logGroupName}:log-stream:": "CreateLogGroup DeleteLogGroup DescribeLogStreams "
        "FilterLogEvents PutRetentionPolicy DeleteRetentionPolicy AssociateKmsKey "
        "DisassociateKmsKey",
        "log-group::log-stream:": "DescribeLogGroups",
        "log-group:{logGroupName}:log-stream:{logStreamName}": "CreateLogStream PutLogEvents "
        "GetLogEvents DeleteLogStream",
        "{resourceArn}": "ListTagsForResource TagResource UntagResource",
    },
    "sagemaker": {
        "training-job/{TrainingJobName}": "CreateTrainingJob DescribeTrainingJob StopTrainingJob",
        "processing-job/{ProcessingJobName}": "CreateProcessingJob DescribeProcessingJob "
        "StopProcessingJob",
        "transform-job/{TransformJobName}": "CreateTransformJob DescribeTransformJob "
        "StopTransformJob",
        "hyper-parameter-tuning-job/{HyperParameterTuningJobName}": "CreateHyperParameterTuningJob "
        "DescribeHyperParameterTuningJob StopHyperParameterTuningJob "
        "ListTrainingJobsForHyperParameterTuningJob",
        "model/{ModelName}": "CreateModel DescribeModel DeleteModel",
        "endpoint/{EndpointName}": "CreateEndpoint UpdateEndpoint DescribeEndpoint DeleteEndpoint "
        "UpdateEndpointWeightsAndCapacities",
        "endpoint-config/{EndpointConfigName}": "CreateEndpointConfig DescribeEndpointConfig "
        "DeleteEndpointConfig CreateEndpoint UpdateEndpoint",
        "model-package-group/{ModelPackageGroupName}": "CreateModelPackageGroup "
        "DescribeModelPackageGroup DeleteModelPackageGroup",
        "{ModelPackageGroupName:versions}": "CreateModelPackage ListModelPackages",
        "model-package/{ModelPackageName}": "DescribeModelPackage DeleteModelPackage",
        "{ModelPackageArn}": "UpdateModelPackage",
        "{ResourceArn}": "AddTags DeleteTags ListTags",
        "*": "ListTrainingJobs ListProcessingJobs ListHyperParameterTuningJobs ListTransformJobs "
        "ListModels ListEndpoints ListEndpointConfigs ListModelPackageGroups",
    },
    "sagemaker-runtime": {"endpoint/{EndpointName}": "InvokeEndpoint"},
    "scheduler": {
        "schedule/default/{Name}": "CreateSchedule UpdateSchedule GetSchedule DeleteSchedule",
        "*": "ListSchedules",
    },
    "sns": {
        "{TopicArn}": "Publish Subscribe ConfirmSubscription DeleteTopic GetTopicAttributes "
        "SetTopicAttributes ListSubscriptionsByTopic",
        "{Name}": "CreateTopic",
        "{SubscriptionArn:topic}": "Unsubscribe GetSubscriptionAttributes "
        "SetSubscriptionAttributes",
        "{ResourceArn}": "ListTagsForResource TagResource UntagResource",
        "*": "ListTopics ListSubscriptions",
    },
    "sqs": {
        "{QueueName}": "CreateQueue GetQueueUrl",
        "{QueueUrl:queue}": "DeleteQueue GetQueueAttributes SetQueueAttributes PurgeQueue "
        "SendMessage ReceiveMessage DeleteMessage DeleteMessageBatch ChangeMessageVisibility "
        "TagQueue UntagQueue ListQueueTags",
        "*": "ListQueues",
    },
    "ssm": {
        "{Name:parameter}": "GetParameter GetParameterHistory PutParameter DeleteParameter",
        "{ResourceId:parameter}": "AddTagsToResource ListTagsForResource RemoveTagsFromResource",
        "{Names:parameter}": "GetParameters DeleteParameters",
        "{Path:parameter}": "GetParametersByPath",
        "*": "DescribeParameters",
    },
    "stepfunctions": {
        "stateMachine:{name}": "CreateStateMachine",
        "{stateMachineArn}": "StartExecution DescribeStateMachine UpdateStateMachine "
        "DeleteStateMachine ListExecutions",
        "{executionArn}": "DescribeExecution StopExecution GetExecutionHistory "
        "DescribeStateMachineForExecution",
        "{resourceArn}": "ListTagsForResource TagResource UntagResource",
        "*": "ListStateMachines SendTaskSuccess SendTaskFailure SendTaskHeartbeat "
        "ValidateStateMachineDefinition",
    },
}
