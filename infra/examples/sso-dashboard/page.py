"""The pages. What is filled into a template is escaped, unless it is HTML of a template itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape

from rotation import Credential, Kind, State
from sso import Session

# After this time the page no longer expects a rotation to end any moment.
LONG = timedelta(minutes=10)


class Html(str):
    """Text that is HTML."""


def fill(template: str, **values: str) -> Html:
    """A template of this file with values in it."""
    escaped = {name: it if isinstance(it, Html) else escape(it) for name, it in values.items()}
    return Html(template.strip().format_map(escaped))


def join(parts: list[Html]) -> Html:
    """One after the other."""
    return Html("\n".join(parts))


LAYOUT = """
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Acme credential</title>
<link rel="stylesheet" href="style.css">
</head>
<body>
<header><strong>Acme</strong> <span>{who}</span></header>
<main>
{main}
</main>
</body>
</html>
"""

DASHBOARD = """
{notice}
<section>
<h1>Credential <span class="{badge_class}">{badge}</span></h1>
<p class="id">Add-on {addon}</p>
<dl>
{facts}
</dl>
{action}
</section>
<section>
<h2>History</h2>
<table>
<thead><tr><th>Issued</th><th>State</th><th>Version</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</section>
"""

NOTICE = """<p class="notice" role="status">{text}</p>"""

FACT = """<div><dt>{name}</dt><dd>{text}</dd></div>"""

TIME = """<time datetime="{machine}">{human}</time>"""

FORM = """
<form method="post" action="rotate">
<input type="hidden" name="form_token" value="{token}">
<button>Rotate now</button>
<p>Every app with this add-on gets the new credential, and its dynos restart.</p>
</form>
"""

ROTATING = """
<p class="action">Your apps keep working: the credential that they have stays valid. This page refreshes itself.</p>
"""

LATE = """
<p class="action">This takes longer than usual. Your apps keep working, and we try again by ourselves.</p>
"""

ROW = """<tr><td>{issued}</td><td>{state}</td><td><code title="{version}">{short}</code></td></tr>"""

MESSAGE = """
<section>
<h1>{title}</h1>
<p>{text}</p>
</section>
"""


def dashboard(session: Session, state: State, token: str, now: datetime, notice: str = "") -> Html:
    """The button, the state and the history."""
    pending, old = state.of_kind(Kind.PENDING), state.of_kind(Kind.OLD)
    if pending:
        badge_class, badge = "badge busy", "Rotating"
        late = now - pending.issued > LONG
        action = fill(LATE if late else ROTATING)
    else:
        badge_class, badge = ("badge two", "Old one still works") if old else ("badge", "Up to date")
        action = fill(FORM, token=token)
    main = fill(
        DASHBOARD,
        notice=fill(NOTICE, text=notice) if notice else Html(),
        addon=session.addon,
        badge_class=badge_class,
        badge=badge,
        facts=join(_facts(state, now)),
        action=action,
        rows=join([_row(it, now) for it in state.history]),
    )
    return fill(LAYOUT, who=f"Signed in as {session.email}", main=main)


def message(title: str, text: str) -> Html:
    """A page that only says something."""
    return fill(LAYOUT, who="", main=fill(MESSAGE, title=title, text=text))


def _facts(state: State, now: datetime) -> list[Html]:
    facts = []
    if pending := state.of_kind(Kind.PENDING):
        facts.append(("Rotation", fill("Rotating since {time}", time=_time(pending.issued))))
    if current := state.of_kind(Kind.CURRENT):
        facts.append(("Current credential", fill("In use since {time}", time=_time(current.issued))))
    old = state.of_kind(Kind.OLD)
    facts.append(("Old credential", _end(old, now) if old else fill("None works any more")))
    if state.next_rotation and not pending:
        facts.append(("Next rotation", fill("{time}, by schedule", time=_time(state.next_rotation))))
    return [fill(FACT, name=name, text=text) for name, text in facts]


def _end(old: Credential, now: datetime) -> Html:
    if old.ends is None:
        return fill("Still works. It ends when its grace period is over")
    if old.ends <= now:
        return fill("Still works. It was to end at {time}, and ends soon", time=_time(old.ends))
    return fill("Ends at {time}, in {span}", time=_time(old.ends), span=span(old.ends - now))


def _row(credential: Credential, now: datetime) -> Html:
    state = fill(credential.kind.value)
    if credential.ends and credential.ends > now:
        state = fill("{state} until {time}", state=state, time=_time(credential.ends))
    version = credential.version
    issued = _time(credential.issued)
    return fill(ROW, issued=issued, state=state, version=version, short=version[:8])


def _time(time: datetime) -> Html:
    human = f"{time.day} {time:%b %Y, %H:%M} UTC"
    return fill(TIME, machine=time.isoformat(timespec="seconds"), human=human)


def span(duration: timedelta) -> str:
    """How long, to a minute once it is minutes."""
    seconds = max(1, round(duration.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = -(-seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{round(hours / 24)} days"
