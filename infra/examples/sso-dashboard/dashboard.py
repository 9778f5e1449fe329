"""The customer's page behind Heroku's single sign-on: a WSGI application.

Run `python3 dashboard.py` to try it on this machine. `application()` is for your own WSGI server.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import page
import sso
from rotation import Kind, Rotation

log = logging.getLogger("dashboard")

# The prefix has the browser take it over HTTPS alone, from this host alone.
COOKIE = "__Host-session"
# Lax, not Strict: a Strict cookie would not come along from Heroku's page. A POST of another site never has it.
COOKIE_ATTRIBUTES = f"Path=/; Max-Age={sso.SESSION}; HttpOnly; Secure; SameSite=Lax"

HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Strict-Transport-Security", "max-age=31536000"),
    ("X-Content-Type-Options", "nosniff"),
]

FORM = "application/x-www-form-urlencoded"
LARGEST_FORM = 16 * 1024

STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")


@dataclass
class Response:
    """What the browser gets, with `HEADERS`."""

    status: HTTPStatus
    body: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    content_type: str = "text/html; charset=utf-8"


class Words(NamedTuple):
    """What ends a request, as the customer reads it."""

    status: HTTPStatus
    title: str
    text: str


class Problem(Exception):
    """Ends a request with its words."""

    def __init__(self, words: Words) -> None:
        super().__init__(words.title)
        self.words = words


SIGN_IN = Words(
    HTTPStatus.FORBIDDEN,
    "Open this page from Heroku",
    "Choose the add-on in your app's resources at Heroku, or run: heroku addons:open",
)
NOT_THIS_PAGES = Words(HTTPStatus.FORBIDDEN, "Nothing was done", "The button was not this page's. Open the page again.")
NOT_FOUND = Words(HTTPStatus.NOT_FOUND, "Not found", "There is no such page.")
MALFORMED = Words(HTTPStatus.BAD_REQUEST, "Nothing was done", "The form is malformed.")
NOT_ENROLLED = Words(
    HTTPStatus.NOT_FOUND, "Not available yet", "This add-on is not set up for rotation. Ask our support."
)
FAILED = Words(HTTPStatus.BAD_GATEWAY, "That did not work", "Your apps keep working. Try again in some minutes.")


class Dashboard:
    """The application."""

    def __init__(self, rotation: Rotation, salt: str, key: bytes, clock: Callable[[], float] = time.time) -> None:
        if len(salt) < 16 or len(key) < 32:
            raise ValueError("SSO_SALT or SESSION_KEY is missing or short")
        self._rotation, self._salt, self._key, self._clock = rotation, salt, key, clock
        self._used = sso.UsedTokens()
        self._routes: dict[tuple[str, str], Callable[[dict[str, Any]], Response]] = {
            ("GET", "/"): self._show,
            ("GET", "/style.css"): self._style,
            ("POST", "/sso"): self._sign_in,
            ("POST", "/rotate"): self._rotate,
            # Of who presses Enter in the address line. They change nothing.
            ("GET", "/sso"): lambda _: _to_the_page([]),
            ("GET", "/rotate"): lambda _: _to_the_page([]),
        }

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            response = self._route(environ)(environ)
        except Problem as problem:
            response = _say(problem.words)
        except Exception:
            # AWS's words are for you, not for the customer.
            log.exception("%s %s failed", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            response = _say(FAILED)
        body = response.body.encode()
        headers = [("Content-Type", response.content_type), ("Content-Length", str(len(body)))]
        status = f"{response.status.value} {response.status.phrase}"
        start_response(status, headers + HEADERS + response.headers)
        return [body]

    def _route(self, environ: dict[str, Any]) -> Callable[[dict[str, Any]], Response]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"] or "/"
        if route := self._routes.get((method, path)):
            return route
        raise Problem(NOT_FOUND)

    def _sign_in(self, environ: dict[str, Any]) -> Response:
        """Heroku has the customer's browser send this form."""
        form, now = _form(environ), self._clock()
        try:
            session = sso.sign_in(form, self._salt, now)
            self._used.use(form["user_scoped_resource_token"], now)
        except sso.Refused as why:
            log.warning("a sign-in was refused: %s", why)
            raise Problem(SIGN_IN) from None
        cookie = f"{COOKIE}={sso.seal(session, self._key)}; {COOKIE_ATTRIBUTES}"
        return _to_the_page([("Set-Cookie", cookie)])

    def _show(self, environ: dict[str, Any]) -> Response:
        return self._page(self._session(environ))

    def _rotate(self, environ: dict[str, Any]) -> Response:
        session, form = self._session(environ), _form(environ)
        if not sso.is_form_token(form.get("form_token", ""), session, self._key):
            raise Problem(NOT_THIS_PAGES)
        # Which add-on, the session says. The form has no say in it.
        answer = self._rotation.start(session.addon)
        log.info("%s pressed rotate of %s: %s", session.email, session.addon, answer)
        if answer["Outcome"] == "started":
            return _to_the_page([])
        if answer["Outcome"] == "under-way":
            return self._page(session, "A rotation is already running.", HTTPStatus.CONFLICT)
        seconds = answer["RetryAfterSeconds"]
        wait = page.span(timedelta(seconds=seconds))
        notice = f"The credential was rotated a short time ago. Wait {wait}, then press again."
        response = self._page(session, notice, HTTPStatus.TOO_MANY_REQUESTS)
        response.headers.append(("Retry-After", str(seconds)))
        return response

    def _style(self, environ: dict[str, Any]) -> Response:
        return Response(HTTPStatus.OK, STYLE, content_type="text/css; charset=utf-8")

    def _session(self, environ: dict[str, Any]) -> sso.Session:
        for pair in environ.get("HTTP_COOKIE", "").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE and (session := sso.unseal(value, self._key, self._clock())):
                return session
        raise Problem(SIGN_IN)

    def _page(self, session: sso.Session, notice: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        state = self._rotation.state(session.addon)
        if state is None:
            raise Problem(NOT_ENROLLED)
        now = datetime.fromtimestamp(self._clock(), UTC)
        token = sso.form_token(session, self._key)
        response = Response(status, page.dashboard(session, state, token, now, notice))
        # Without a script: the browser asks again by itself.
        if state.of_kind(Kind.PENDING):
            response.headers.append(("Refresh", "3; url=./"))
        return response


def _say(words: Words) -> Response:
    return Response(words.status, page.message(words.title, words.text))


def _to_the_page(headers: list[tuple[str, str]]) -> Response:
    return Response(HTTPStatus.SEE_OTHER, headers=[("Location", "./"), *headers])


def _form(environ: dict[str, Any]) -> dict[str, str]:
    content_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if content_type != FORM or not 0 < length <= LARGEST_FORM:
            raise Problem(MALFORMED)
        text = environ["wsgi.input"].read(length).decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise Problem(MALFORMED) from None
    return dict(pairs)


def application() -> Dashboard:
    """The application, as the environment says."""
    setting = os.environ.get
    rotation = Rotation(
        stack=setting("STACK_NAME", "addon-rotation"),
        prefix=setting("SECRET_NAME_PREFIX", "addon/credentials/"),
        grace_period=timedelta(seconds=int(setting("GRACE_PERIOD_SECONDS", "7200"))),
    )
    return Dashboard(rotation, setting("SSO_SALT", ""), setting("SESSION_KEY", "").encode())


def main() -> None:
    """Serves the page on this machine alone."""
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    port = int(os.environ.get("PORT", "8080"))
    with make_server("127.0.0.1", port, application(), server_class=Server) as server:
        print(f"http://localhost:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
