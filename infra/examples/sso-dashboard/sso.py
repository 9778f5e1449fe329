"""Who may see the page: Heroku's single sign-on, the session cookie, and the token of the form.

Pure functions of their arguments. Nothing here is this project's: copy it as it stands.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass

# How old a sign-in may be, and by how much Heroku's clock may be ahead, in seconds.
WINDOW = 300
AHEAD = 60
# How long a session lasts, in seconds. Heroku signs the customer in again with one click.
SESSION = 1800

UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
TIMESTAMP = re.compile(r"[0-9]{1,12}")


class Refused(Exception):
    """Why a sign-in does not count. For the log: the customer reads the same words each time."""


@dataclass(frozen=True)
class Session:
    """Who has signed in, and to which add-on. Both were signed by Heroku."""

    addon: str
    email: str
    expires: int
    # No two sessions have the same cookie, or the same token in their forms.
    nonce: str


def heroku_token(salt: str, form: Mapping[str, str]) -> str:
    """`user_scoped_resource_token`: what only Heroku and you can compute."""
    names = ("resource_id", "timestamp", "user_id", "email")
    resource, timestamp, user, email = (form[name] for name in names)
    text = f"{resource}:{salt}:{timestamp}:{user}:{email}"
    return hashlib.sha256(text.encode()).hexdigest()


def sign_in(form: Mapping[str, str], salt: str, now: float) -> Session:
    """The session of a form that Heroku has the customer's browser send."""
    try:
        expected = heroku_token(salt, form)
        given = form["user_scoped_resource_token"]
    except KeyError as missing:
        raise Refused(f"the form has no {missing}") from None
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise Refused("the token is not Heroku's")
    # The token is a plain hash: who has one can compute that of a longer text. No such text passes here.
    if not UUID.fullmatch(form["resource_id"]) or not TIMESTAMP.fullmatch(form["timestamp"]):
        raise Refused("the add-on's id or the timestamp is malformed")
    if not form["email"].isprintable():
        raise Refused("the e-mail address is malformed")
    age = now - int(form["timestamp"])
    if not -AHEAD <= age <= WINDOW:
        raise Refused(f"the sign-in is {age:.0f} s old")
    return Session(form["resource_id"], form["email"], int(now) + SESSION, secrets.token_hex(16))


class UsedTokens:
    """Each sign-in counts once.

    This is the memory of one process. If you run several, keep the used tokens in your database.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def use(self, token: str, now: float) -> None:
        """Notes a token that has been checked. Refuses one that was used before."""
        with self._lock:
            self._until = {it: until for it, until in self._until.items() if until >= now}
            if token in self._until:
                raise Refused("the sign-in was used before")
            self._until[token] = now + WINDOW + AHEAD


def seal(session: Session, key: bytes) -> str:
    """The session as a cookie's value."""
    payload = base64.urlsafe_b64encode(json.dumps(asdict(session)).encode()).decode()
    return f"{payload}.{_mac(key, 'session', payload)}"


def unseal(cookie: str, key: bytes, now: float) -> Session | None:
    """The session of a cookie that `seal` has made and that has not expired."""
    payload, _, mac = cookie.partition(".")
    if not hmac.compare_digest(_mac(key, "session", payload).encode(), mac.encode()):
        return None
    session = Session(**json.loads(base64.urlsafe_b64decode(payload)))
    return session if now < session.expires else None


def form_token(session: Session, key: bytes) -> str:
    """What a form must hold, so that no other site can send it: it is this session's own."""
    return _mac(key, "form", session.nonce)


def is_form_token(token: str, session: Session, key: bytes) -> bool:
    """Whether a form came from a page of this session."""
    return hmac.compare_digest(form_token(session, key).encode(), token.encode())


def _mac(key: bytes, purpose: str, text: str) -> str:
    return hmac.new(key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()
