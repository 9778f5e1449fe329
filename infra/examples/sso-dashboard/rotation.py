"""One instance's rotation: the button, and what can be seen without reading a secret value.

`policy.json` and the stack's managed policy `StartRotationPolicyArn` allow exactly these calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import boto3


class Kind(Enum):
    """What a credential is to the customer."""

    PENDING = "Being made"
    CURRENT = "In use"
    OLD = "Works"
    ENDED = "Ended"


@dataclass(frozen=True)
class Credential:
    """A version of the instance's secret."""

    version: str
    issued: datetime
    kind: Kind
    # When an old one ends, if that can be told.
    ends: datetime | None = None


@dataclass(frozen=True)
class State:
    """What the page shows."""

    # Newest first. Secrets Manager keeps a hundred, and those of the last day.
    history: list[Credential]
    next_rotation: datetime | None

    def of_kind(self, kind: Kind) -> Credential | None:
        """The newest of this kind."""
        return next((it for it in self.history if it.kind is kind), None)


class RotationError(Exception):
    """`start-rotation` failed. Its words are for your log: they name your resources."""


class Rotation:
    """The stack's instances."""

    def __init__(self, stack: str, prefix: str, grace_period: timedelta) -> None:
        self._function = f"{stack}-start-rotation"
        self._prefix = prefix
        self._grace_period = grace_period
        # Clients may be shared between threads.
        self._lambda = boto3.client("lambda")
        self._secrets = boto3.client("secretsmanager")

    def start(self, addon: str) -> dict[str, Any]:
        """Presses the button: `{"Outcome": "started" | "under-way" | "too-soon", …}`."""
        event = json.dumps({"AddonId": addon})
        invoked = self._lambda.invoke(FunctionName=self._function, Payload=event)
        answer = json.load(invoked["Payload"])
        if "FunctionError" in invoked:
            raise RotationError(answer.get("errorMessage", "no message"))
        return answer

    def state(self, addon: str) -> State | None:
        """What can be seen now. None if the instance is not enrolled."""
        name = self._prefix + addon
        try:
            secret = self._secrets.describe_secret(SecretId=name)
        except self._secrets.exceptions.ResourceNotFoundException:
            return None
        if "DeletedDate" in secret:
            return None
        listed = self._secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True, MaxResults=100)
        return read(secret, listed["Versions"], self._grace_period)


def read(secret: Mapping[str, Any], versions: Iterable[Mapping[str, Any]], grace_period: timedelta) -> State:
    """The state by the answers of DescribeSecret and ListSecretVersionIds."""
    for tag in secret.get("Tags", []):
        if tag["Key"] == "rotation:revoke-after":
            grace_period = timedelta(seconds=int(tag["Value"]))
    history: list[Credential] = []
    for version in sorted(versions, key=lambda it: it["CreatedDate"], reverse=True):
        kind = _kind(version.get("VersionStages", []))
        ends = None
        if kind is Kind.OLD and history:
            # It ends a grace period after the next one has taken its place.
            newer = history[-1]
            if newer.kind is Kind.CURRENT:
                # Between the two, LastRotatedDate is still the rotation's before.
                rotated = _utc(secret.get("LastRotatedDate")) or newer.issued
                ends = max(rotated, newer.issued) + grace_period
            elif newer.kind is Kind.OLD:
                ends = newer.issued + grace_period
        issued = version["CreatedDate"].astimezone(UTC)
        history.append(Credential(version["VersionId"], issued, kind, ends))
    return State(history, _utc(secret.get("NextRotationDate")))


def _kind(labels: Iterable[str]) -> Kind:
    # A finished rotation may leave AWSPENDING on the current version.
    if "AWSCURRENT" in labels:
        return Kind.CURRENT
    if "AWSPENDING" in labels:
        return Kind.PENDING
    # The service may accept its credential as long as it has this label.
    return Kind.OLD if any(it.startswith("LIVE-") for it in labels) else Kind.ENDED


def _utc(time: datetime | None) -> datetime | None:
    return time and time.astimezone(UTC)
