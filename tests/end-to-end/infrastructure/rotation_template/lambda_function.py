"""A rotation function as AWS's guide describes one, for a secret that nobody else has to know of.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

import json
import secrets

import boto3


def lambda_handler(event, _context):
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    client = boto3.client("secretsmanager")
    described = client.describe_secret(SecretId=arn)
    if not described.get("RotationEnabled"):
        raise ValueError(f"{arn} is not enabled for rotation")
    versions = described["VersionIdsToStages"]
    if token not in versions:
        raise ValueError(f"{arn} has no version {token}")
    if "AWSCURRENT" in versions[token]:
        return
    if "AWSPENDING" not in versions[token]:
        raise ValueError(f"version {token} of {arn} is not AWSPENDING")
    steps = {
        "createSecret": create_secret,
        "setSecret": lambda *_: None,
        "testSecret": test_secret,
        "finishSecret": finish_secret,
    }
    steps[step](client, arn, token)


def create_secret(client, arn, token):
    value = json.loads(client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["SecretString"])
    try:
        client.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
    except client.exceptions.ResourceNotFoundException:
        value["password"] = secrets.token_urlsafe(24)
        client.put_secret_value(
            SecretId=arn,
            ClientRequestToken=token,
            SecretString=json.dumps(value),
            VersionStages=["AWSPENDING"],
        )


def test_secret(client, arn, token):
    value = client.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
    if not json.loads(value["SecretString"])["password"]:
        raise ValueError(f"version {token} of {arn} has no password")


def finish_secret(client, arn, token):
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    current = next(version for version, stages in versions.items() if "AWSCURRENT" in stages)
    if current != token:
        client.update_secret_version_stage(
            SecretId=arn,
            VersionStage="AWSCURRENT",
            MoveToVersionId=token,
            RemoveFromVersionId=current,
        )
