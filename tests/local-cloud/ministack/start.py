"""Starts MiniStack with what it lacks: the CloudFormation resource type
AWS::SecretsManager::RotationSchedule, and the context of IAM's simulations.

As CloudFormation does, it calls RotateSecret and CancelRotateSecret, at the gateway
(AWS_ENDPOINT_URL), which plays Secrets Manager; on a thread of its own, since the gateway asks
MiniStack meanwhile.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-rotationschedule.html
"""

import contextvars
import itertools
import json

import botocore.session
from ministack.core import iam_evaluator
from ministack.services import iam
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
