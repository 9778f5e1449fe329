"""What needs neither AWS nor a browser: `python3 -m unittest`, in this directory."""

from __future__ import annotations

import io
import unittest
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import page
import sso
from dashboard import COOKIE, Dashboard
from rotation import Kind, State, read

SALT, KEY, NOW = "a-salt-of-the-manifest", b"k" * 32, 1_796_000_000.0
ADDON = "01234567-89ab-cdef-0123-456789abcdef"
OTHER = "fedcba98-7654-3210-fedc-ba9876543210"
TWO_HOURS = timedelta(hours=2)


def heroku_form(**changed: str) -> dict[str, str]:
    """As Heroku sends it; with a right token for what is changed, unless that is the token."""
    form = {"resource_id": ADDON, "timestamp": str(int(NOW)), "user_id": "u-1", "email": "eve@example.org"}
    form.update(changed)
    form.setdefault("user_scoped_resource_token", sso.heroku_token(SALT, form))
    return form


class SignIn(unittest.TestCase):
    def refused(self, why: str, form: dict[str, str], salt: str = SALT) -> None:
        with self.assertRaisesRegex(sso.Refused, why):
            sso.sign_in(form, salt, NOW)

    def test_the_token_is_a_hash_of_what_heroku_documents(self) -> None:
        # printf %s 'a:b:1:c:d' | sha256sum
        form = {"resource_id": "a", "timestamp": "1", "user_id": "c", "email": "d"}
        token = "c9f58e5a30da423dccb2b64e8d387fdb0d5f28e7e7a22b90664a1d8924e67788"
        self.assertEqual(sso.heroku_token("b", form), token)

    def test_heroku_signs_a_customer_in_to_the_add_on_of_the_form(self) -> None:
        session = sso.sign_in(heroku_form(), SALT, NOW)
        self.assertEqual((session.addon, session.email), (ADDON, "eve@example.org"))

    def test_a_forged_token_and_a_changed_field_are_refused(self) -> None:
        self.refused("not Heroku's", heroku_form(user_scoped_resource_token="0" * 64))
        self.refused("not Heroku's", heroku_form(user_scoped_resource_token="é"))
        self.refused("not Heroku's", heroku_form(), salt="another salt")
        for name in ("resource_id", "timestamp", "user_id", "email"):
            self.refused("not Heroku's", heroku_form() | {name: "1"})

    def test_a_form_that_lacks_a_field_is_refused(self) -> None:
        for name in heroku_form():
            self.refused(f"no '{name}'", {it: value for it, value in heroku_form().items() if it != name})

    def test_an_old_sign_in_and_one_of_the_future_are_refused(self) -> None:
        for age in (-60, 0, 300):
            sso.sign_in(heroku_form(timestamp=str(int(NOW) - age)), SALT, NOW)
        for age in (-61, 301):
            self.refused("s old", heroku_form(timestamp=str(int(NOW) - age)))

    def test_a_text_that_a_longer_hash_could_be_of_is_refused(self) -> None:
        self.refused("malformed", heroku_form(email="eve@example.org\x80\x00eve"))
        self.refused("malformed", heroku_form(timestamp="-1"))
        self.refused("malformed", heroku_form(resource_id="../partner"))

    def test_a_sign_in_counts_once(self) -> None:
        used = sso.UsedTokens()
        used.use("one", NOW)
        used.use("another", NOW)
        with self.assertRaisesRegex(sso.Refused, "used before"):
            used.use("one", NOW + sso.WINDOW + sso.AHEAD)
        # Too old to be accepted by then.
        used.use("one", NOW + sso.WINDOW + sso.AHEAD + 1)


class Cookie(unittest.TestCase):
    session = sso.Session(ADDON, "eve@example.org", int(NOW) + 10, "nonce")

    def test_a_cookie_is_this_servers_own_and_expires(self) -> None:
        cookie = sso.seal(self.session, KEY)
        self.assertEqual(sso.unseal(cookie, KEY, NOW), self.session)
        self.assertIsNone(sso.unseal(cookie, KEY, NOW + 10))
        self.assertIsNone(sso.unseal(cookie, b"x" * 32, NOW))
        payload, mac = cookie.split(".")
        others = sso.seal(sso.Session(OTHER, "eve@example.org", int(NOW) + 10, "nonce"), KEY)
        for forged in ("", ".", payload, f"{payload}.", f"{others.split('.')[0]}.{mac}", "é.é"):
            self.assertIsNone(sso.unseal(forged, KEY, NOW), forged)

    def test_a_forms_token_is_its_sessions_own(self) -> None:
        token = sso.form_token(self.session, KEY)
        self.assertTrue(sso.is_form_token(token, self.session, KEY))
        another = sso.Session(ADDON, "eve@example.org", int(NOW) + 10, "another")
        self.assertFalse(sso.is_form_token(token, another, KEY))
        self.assertFalse(sso.is_form_token("", self.session, KEY))
        # The cookie's own code is no token of a form.
        mac = sso.seal(self.session, KEY).split(".")[1]
        self.assertFalse(sso.is_form_token(mac, self.session, KEY))


def at(minute: int) -> datetime:
    return datetime(2026, 11, 30, 12, minute, tzinfo=UTC)


def version(name: str, minute: int, *labels: str) -> dict[str, Any]:
    return {"VersionId": name, "CreatedDate": at(minute), "VersionStages": list(labels)}


class Reading(unittest.TestCase):
    def test_each_version_is_what_its_labels_say(self) -> None:
        versions = [
            version("b", 2, "LIVE-b"),
            version("d", 4, "AWSPENDING", "LIVE-d"),
            version("c", 3, "AWSCURRENT", "LIVE-c"),
            {"VersionId": "a", "CreatedDate": at(1)},
        ]
        state = read({"LastRotatedDate": at(30)}, versions, TWO_HOURS)
        seen = [(it.version, it.kind, it.ends) for it in state.history]
        self.assertEqual(
            seen,
            [
                ("d", Kind.PENDING, None),
                ("c", Kind.CURRENT, None),
                ("b", Kind.OLD, at(30) + TWO_HOURS),
                ("a", Kind.ENDED, None),
            ],
        )

    def test_a_finished_rotation_may_leave_a_label(self) -> None:
        state = read({}, [version("a", 1, "AWSCURRENT", "AWSPENDING", "LIVE-a")], TWO_HOURS)
        self.assertEqual(state.history[0].kind, Kind.CURRENT)

    def test_an_instance_may_have_a_grace_period_of_its_own(self) -> None:
        secret = {"Tags": [{"Key": "rotation:revoke-after", "Value": "600"}]}
        versions = [version("a", 1, "LIVE-a"), version("b", 2, "LIVE-b"), version("c", 3, "AWSCURRENT")]
        ends = [it.ends for it in read(secret, versions, TWO_HOURS).history]
        self.assertEqual(ends, [None, at(13), at(12)])

    def test_after_a_rollback_the_newer_one_ends_at_a_time_that_cannot_be_told(self) -> None:
        versions = [version("a", 1, "AWSCURRENT", "LIVE-a"), version("b", 2, "LIVE-b")]
        old = read({"LastRotatedDate": at(2)}, versions, TWO_HOURS).of_kind(Kind.OLD)
        self.assertIsNone(old and old.ends)


class Words(unittest.TestCase):
    def test_what_is_filled_in_is_escaped(self) -> None:
        session = sso.Session(ADDON, "<script>alert(1)</script>", 0, "")
        html = page.dashboard(session, State([], None), '"><b>', at(0), "<i>{addon}</i>")
        self.assertNotRegex(html, "<script|<b>|<i>")
        self.assertIn("&lt;i&gt;{addon}&lt;/i&gt;", html)

    def test_a_duration_is_rounded_up_to_what_is_read(self) -> None:
        for seconds, text in [
            (0, "1 s"),
            (59, "59 s"),
            (61, "2 min"),
            (3600, "1 h"),
            (7141, "2 h"),
            (7000, "1 h 57 min"),
        ]:
            self.assertEqual(page.span(timedelta(seconds=seconds)), text)


class StandIn:
    """Of the stack's functions and secrets."""

    def __init__(self) -> None:
        self.pressed: list[str] = []
        self.answer: dict[str, Any] = {"Outcome": "started"}

    def start(self, addon: str) -> dict[str, Any]:
        self.pressed.append(addon)
        return self.answer

    def state(self, addon: str) -> State | None:
        return read({}, [version("a", 1, "AWSCURRENT")], TWO_HOURS) if addon == ADDON else None


class Application(unittest.TestCase):
    def setUp(self) -> None:
        self.stack = StandIn()
        self.dashboard = Dashboard(self.stack, SALT, KEY, lambda: NOW)  # type: ignore[arg-type]
        self.cookie = ""

    def ask(self, method: str, path: str, form: dict[str, str] | str | None = None) -> tuple[int, dict[str, str], str]:
        body = (urlencode(form) if isinstance(form, dict) else form or "").encode()
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "HTTP_COOKIE": f"other=1; {self.cookie}",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        answer: list[Any] = []
        body = b"".join(self.dashboard(environ, lambda *it: answer.extend(it)))
        headers = dict(answer[1])
        if "Set-Cookie" in headers:
            self.cookie = headers["Set-Cookie"].partition(";")[0]
        return int(answer[0][:3]), headers, body.decode()

    def sign_in(self, **changed: str) -> str:
        """The token of the page's form."""
        self.assertEqual(self.ask("POST", "/sso", heroku_form(**changed))[0], 303)
        session = sso.unseal(self.cookie.removeprefix(f"{COOKIE}="), KEY, NOW)
        assert session
        return sso.form_token(session, KEY)

    def test_the_session_says_which_add_on_rotates(self) -> None:
        token = self.sign_in()
        form = {"form_token": token, "AddonId": OTHER, "addon": OTHER, "resource_id": OTHER}
        self.assertEqual(self.ask("POST", "/rotate", form)[0], 303)
        self.assertEqual(self.stack.pressed, [ADDON])

    def test_without_session_or_the_pages_token_nothing_rotates(self) -> None:
        token = self.sign_in()
        for form in ({"form_token": ""}, {"form_token": "é"}, {"other": token}, "", f"form_token={token}&form_token=x"):
            self.assertIn(self.ask("POST", "/rotate", form)[0], (400, 403), form)
        self.cookie = ""
        for method, path in [("POST", "/rotate"), ("GET", "/")]:
            self.assertEqual(self.ask(method, path, {"form_token": token})[0], 403)
        self.assertEqual(self.stack.pressed, [])

    def test_the_page_of_one_add_on_does_not_rotate_another(self) -> None:
        of_the_first = self.sign_in()
        # In another window, the same customer opens another add-on.
        self.sign_in(resource_id=OTHER)
        self.assertEqual(self.ask("POST", "/rotate", {"form_token": of_the_first})[0], 403)
        self.assertEqual(self.stack.pressed, [])

    def test_getting_changes_nothing(self) -> None:
        self.sign_in()
        for path in ("/", "/rotate", "/sso", "/style.css", "/nothing"):
            self.ask("GET", path)
        self.assertEqual(self.stack.pressed, [])

    def test_a_sign_in_counts_once_and_not_without_its_token(self) -> None:
        for form in ({}, heroku_form(user_scoped_resource_token="0"), "x=%80"):
            self.assertIn(self.ask("POST", "/sso", form)[0], (400, 403))
            self.assertEqual(self.cookie, "")
        self.sign_in()
        self.assertEqual(self.ask("POST", "/sso", heroku_form())[0], 403)

    def test_refusals_of_the_stack_are_shown(self) -> None:
        token = self.sign_in()
        self.stack.answer = {"Outcome": "too-soon", "RetryAfterSeconds": 2914}
        status, headers, text = self.ask("POST", "/rotate", {"form_token": token})
        self.assertEqual((status, headers["Retry-After"]), (429, "2914"))
        self.assertIn("Wait 49 min", text)
        self.stack.answer = {"Outcome": "under-way"}
        status, _, text = self.ask("POST", "/rotate", {"form_token": token})
        self.assertEqual(status, 409)
        self.assertIn("already running", text)
        # Its words name resources: they are for the log.
        self.stack.answer = {}
        with self.assertLogs("dashboard", "ERROR"):
            self.assertEqual(self.ask("POST", "/rotate", {"form_token": token})[0], 502)

    def test_who_is_not_enrolled_is_told_so(self) -> None:
        self.sign_in(resource_id=OTHER)
        self.assertEqual(self.ask("GET", "/")[0], 404)

    def test_every_answer_has_the_headers(self) -> None:
        for method, path in [("GET", "/"), ("POST", "/sso"), ("GET", "/nothing"), ("GET", "/style.css")]:
            headers = self.ask(method, path)[1]
            self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
            self.assertEqual(headers["Cache-Control"], "no-store")
        _, headers, _ = self.ask("POST", "/sso", heroku_form())
        for attribute in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"):
            self.assertIn(attribute, headers["Set-Cookie"])

    def test_a_server_without_its_secrets_does_not_start(self) -> None:
        for salt, key in [("", KEY), (SALT, b"")]:
            with self.assertRaises(ValueError):
                Dashboard(self.stack, salt, key)  # type: ignore[arg-type]


if __name__ == "__main__":
    unittest.main()
