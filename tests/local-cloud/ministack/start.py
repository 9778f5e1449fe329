"""Starts MiniStack with what it lacks: CloudFormation's secrets and their rotation, and the context of IAM's
simulations; and with less: of requests that the gateway answers it says who signed, no more.

As CloudFormation does, it calls Secrets Manager, which the gateway plays (AWS_ENDPOINT_URL); on a thread of its own,
since the gateway asks MiniStack meanwhile.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-rotationschedule.html
"""

import contextvars
import itertools
import json
import re

import botocore.session
from ministack.core import iam_evaluator
from ministack.services import iam, scheduler, secretsmanager
from ministack.services.cloudformation import provisioners, stacks

SECRET, ROTATION = "AWS::SecretsManager::Secret", "AWS::SecretsManager::RotationSchedule"


def secrets_manager():
    return botocore.session.get_session().create_client("secretsmanager")


def create_secret(_logical_id, properties, _stack_name):
    request = {name: properties[name] for name in ("Name", "KmsKeyId", "SecretString") if name in properties}
    # CloudFormation's own tags are for itself to set.
    tags = [tag for tag in properties.get("Tags", []) if not tag["Key"].startswith("aws:")]
    arn = secrets_manager().create_secret(Tags=tags, **request)["ARN"]
    return arn, {"Id": arn}


def update_secret(physical_id, old_properties, new_properties, _stack_name):
    if old_properties != new_properties:
        raise ValueError("infra/addon-secret.yaml: change the document with PutSecretValue")
    return physical_id, {"Id": physical_id}


def delete_secret(physical_id, _properties):
    secrets_manager().delete_secret(SecretId=physical_id, ForceDeleteWithoutRecovery=True)


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


provisioners._RESOURCE_HANDLERS |= {
    SECRET: {"create": create_secret, "update": update_secret, "delete": delete_secret},
    ROTATION: {"create": create, "update": update, "delete": delete},
}
blocks = stacks._runs_on_worker_thread
stacks._runs_on_worker_thread = lambda resource_type: resource_type in (SECRET, ROTATION) or blocks(resource_type)

# What the gateway plays is authorised there, by the simulations.
played = re.compile("secretsmanager:.*|scheduler:(Create|Get|Update|Delete)Schedule|scheduler:ListSchedules")
enforce = iam_evaluator.enforce


def authenticate(access_key_id, action, service, *where, **request):
    if played.fullmatch(action):
        return iam_evaluator.check_credentials(access_key_id, service)
    return enforce(access_key_id, action, service, *where, **request)


async def who_signed(*_):
    return 200, {"Content-Type": "application/json"}, json.dumps({"Arn": iam_evaluator.caller_arn()}).encode()


async def groups(method, path, *request, handle=scheduler.handle_request):
    is_group = path.startswith(("/schedule-groups", "/tags"))
    return await (handle if is_group else who_signed)(method, path, *request)


iam_evaluator.enforce = authenticate
secretsmanager.handle_request = who_signed
scheduler.handle_request = groups

# https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html: MiniStack's evaluator knows
# conditions, but its simulations drop ContextEntries, ResourcePolicy and CallerArn (here a service's name as well).
context = contextvars.ContextVar("context", default={})


def members(parameters, name, part=""):
    for number in itertools.count(1):
        value = iam._p(parameters, f"{name}.member.{number}{part}")
        if not value:
            return
        yield number, value


def context_of(parameters):
    # Without an entry the evaluator takes these keys for there, and empty.
    entries = {"aws:tagkeys": None}
    for number, key in members(parameters, "ContextEntries", ".ContextKeyName"):
        values = f"ContextEntries.member.{number}.ContextKeyValues"
        found = [value for _, value in members(parameters, values)]
        entries[key.lower()] = found if len(found) > 1 else found[0]
    return entries


def for_caller(parameters):
    policy = json.loads(iam._p(parameters, "ResourcePolicy") or "null")
    if policy is None:
        return parameters
    caller = iam._p(parameters, "CallerArn")
    statements = policy.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    about = [
        statement
        for statement in statements
        if statement.get("Principal") == "*"
        or iam_evaluator._service_principal_matches(statement.get("Principal"), caller)
    ]
    return {**parameters, "PolicyInputList.member.1": json.dumps({"Statement": about})}


def in_context(simulation):
    def simulated(parameters):
        token = context.set(context_of(parameters))
        try:
            return simulation(for_caller(parameters))
        finally:
            context.reset(token)

    return simulated


evaluation = iam_evaluator.EvalContext
iam_evaluator.EvalContext = lambda **given: evaluation(**{"service_context": context.get(), **given})
for name in ("SimulatePrincipalPolicy", "SimulateCustomPolicy"):
    iam._IAM_HANDLERS[name] = in_context(iam._IAM_HANDLERS[name])

if __name__ == "__main__":
    from ministack.app import main

    main()
