"""What the functions are compared with: one rotation function in Python, as AWS's guide describes it.

The four steps of https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
in one function with boto3, each doing what the step of a v1 instance does: a new key, registered at the service and
stored, published to Heroku, tried, and made current. It has no check that AWS's templates do not have, and ends no
credential. It makes the key itself, where those ask Secrets Manager: one request less. At its end is the loop that Lambda's runtime runs around a handler.
"""

import base64
import http.client
import json
import os
import secrets as random
import traceback
import urllib.request

import boto3

secrets = boto3.client("secretsmanager")


def handler(event):
    secret, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    versions = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
    if "AWSCURRENT" in versions.get(token, []):
        return
    if "AWSPENDING" not in versions.get(token, []):
        raise ValueError(f"version {token} is not AWSPENDING")
    steps = {"createSecret": create, "setSecret": publish, "testSecret": test, "finishSecret": finish}
    steps[step](secret, token, versions)


def document(secret, **which):
    return json.loads(secrets.get_secret_value(SecretId=secret, **which)["SecretString"])


def create(secret, token, _versions):
    new = document(secret, VersionStage="AWSCURRENT")
    try:
        document(secret, VersionId=token, VersionStage="AWSPENDING")
        return
    except secrets.exceptions.ResourceNotFoundException:
        pass
    new.update(credential_id=token, api_key=f"acme_live_{random.token_hex(20)}")
    secrets.put_secret_value(
        SecretId=secret, ClientRequestToken=token, SecretString=json.dumps(new), VersionStages=["AWSPENDING"]
    )
    administrator = document(new["masterarn"])
    ask("PUT", at_service(new), f"Bearer {administrator['token']}", {"api_key": new["api_key"]})


def publish(secret, token, _versions):
    new = document(secret, VersionId=token, VersionStage="AWSPENDING")
    partner = document(os.environ["PARTNER_SECRET_ARN"])
    login = base64.b64encode(f"{partner['id']}:{partner['password']}".encode()).decode()
    config = {var: text.replace("{{ api_key }}", new["api_key"]) for var, text in new["heroku"]["config"].items()}
    url = f"{os.environ['HEROKU_API_URL'].rstrip('/')}/vendor/apps/{new['heroku']['addon_id']}"
    ask("PUT", url, f"Basic {login}", {"config": config})


def test(secret, token, _versions):
    new = document(secret, VersionId=token, VersionStage="AWSPENDING")
    ask("GET", at_service(new), f"Bearer {new['api_key']}")


def finish(secret, token, versions):
    current = next(version for version, labels in versions.items() if "AWSCURRENT" in labels)
    secrets.update_secret_version_stage(
        SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
    )


def at_service(new):
    return f"{new['url']}/credentials/{new['credential_id']}"


def ask(method, url, authorization, body=None):
    request = urllib.request.Request(url, method=method, data=body and json.dumps(body).encode())
    request.add_header("Authorization", authorization)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    path = "/2018-06-01/runtime/invocation"
    while True:
        api.request("GET", f"{path}/next")
        event = api.getresponse()
        invocation, payload = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
        try:
            answer, kind = handler(json.loads(payload)), "response"
        except Exception as error:
            traceback.print_exc()
            answer, kind = {"errorType": type(error).__name__, "errorMessage": str(error)}, "error"
        api.request("POST", f"{path}/{invocation}/{kind}", json.dumps(answer))
        api.getresponse().read()


main()
