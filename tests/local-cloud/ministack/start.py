"""Starts MiniStack with the CloudFormation resource type that it lacks:
AWS::SecretsManager::RotationSchedule.

As CloudFormation does, it calls RotateSecret and CancelRotateSecret, at the gateway
(AWS_ENDPOINT_URL), which plays Secrets Manager; on a thread of its own, since the gateway asks
MiniStack meanwhile.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-rotationschedule.html
"""

import botocore.session
from ministack.services.cloudformation import provisioners, stacks

TYPE = "AWS::SecretsManager::RotationSchedule"


def secrets_manager():
    return botocore.session.get_session().create_client("secretsmanager")


def is_false(value):
    return str(value).lower() == "false"


def rotate(properties):
    rules = {
        name: value
        for name, value in (properties.get("RotationRules") or {}).items()
        if name in ("AutomaticallyAfterDays", "Duration", "ScheduleExpression")
    }
    if "AutomaticallyAfterDays" in rules:
        rules["AutomaticallyAfterDays"] = int(rules["AutomaticallyAfterDays"])
    request = {
        "SecretId": properties["SecretId"],
        "RotateImmediately": not is_false(properties.get("RotateImmediatelyOnUpdate", True)),
    }
    if rules:
        request["RotationRules"] = rules
    if "RotationLambdaARN" in properties:
        request["RotationLambdaARN"] = properties["RotationLambdaARN"]
    return secrets_manager().rotate_secret(**request)["ARN"]


def create(_logical_id, properties, _stack_name):
    return rotate(properties), {}


def update(physical_id, _old_properties, new_properties, _stack_name):
    rotate(new_properties)
    return physical_id, {}


def delete(physical_id, _properties):
    client = secrets_manager()
    try:
        client.cancel_rotate_secret(SecretId=physical_id)
    except client.exceptions.ResourceNotFoundException:
        # Its secret is gone already.
        pass


provisioners._RESOURCE_HANDLERS[TYPE] = {"create": create, "update": update, "delete": delete}
blocks = stacks._runs_on_worker_thread
stacks._runs_on_worker_thread = lambda resource_type: resource_type == TYPE or blocks(resource_type)

if __name__ == "__main__":
    from ministack.app import main

    main()
