"""What the emergency page shows: plain HTML without script, for a thumb, under 10 kB a page."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from html import escape

from msgspec import Struct

from bascule.guardian.words import AccountView, CommandResult, GuardianView, StopView
from bascule.model.account import AccountSpec
from bascule.model.values import SECOND, Instant

STYLE = """
:root{color-scheme:light dark;--fg:#111;--bg:#f3f3f0;--card:#fff;--line:#bbb;--dim:#444;
--link:#0a3d91}
@media(prefers-color-scheme:dark){:root{--fg:#f5f5f5;--bg:#111;--card:#1e1e1e;--line:#555;
--dim:#c4c4c4;--link:#9cc2ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:34rem;padding:.75rem;color:var(--fg);background:var(--bg);
font:1.0625rem/1.4 system-ui,sans-serif}
h1{font-size:1.25rem;line-height:1.2;margin:0}h2{font-size:1.1875rem;margin:0}p{margin:.4rem 0}
header,.top{display:flex;justify-content:space-between;align-items:center;gap:.5rem}
header{margin:.25rem 0 .75rem}
section{background:var(--card);border:1px solid var(--line);border-radius:.75rem;
padding:.875rem;margin:0 0 .75rem}
.dim{color:var(--dim);font-size:.9375rem;font-weight:400}.num{font-size:1.125rem;font-weight:600}
.pill{border-radius:1rem;padding:.2rem .75rem;font-weight:700;font-size:.9375rem;
white-space:nowrap;background:#14632b;color:#fff}.bad{background:#b3001b}.warn{background:#7a4b00}
.row{display:flex;gap:.75rem;margin-top:.75rem}.row>*{flex:1}
button,.button{display:flex;flex-direction:column;align-items:center;justify-content:center;
width:100%;min-height:3.75rem;padding:.5rem;border:0;border-radius:.625rem;text-align:center;
font:700 1.125rem/1.2 system-ui,sans-serif;text-decoration:none;cursor:pointer;
background:#d8d8d3;color:#111}
.halt{background:#ffb300}.flat{background:#b3001b;color:#fff}
.big{min-height:4.75rem;font-size:1.375rem}
small{font-weight:600;font-size:.875rem}
:focus-visible{outline:4px solid var(--link);outline-offset:2px}
input{width:100%;min-height:3.25rem;font:1.25rem monospace;padding:.5rem;
border:2px solid var(--dim);border-radius:.5rem;color:var(--fg);background:var(--card)}
label{display:block;margin:.75rem 0}summary{padding:.75rem 0;cursor:pointer}
ul{padding-left:1.25rem;margin:.4rem 0}
"""
STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
REFRESH_S = 5
CARDS_MAX = 6
"""With more accounts, each is a line that leads to its own buttons: a page stays small."""

_ENGINE = {"alive": ("", "Engine runs"), "stalled": (" bad", "Engine STALLED"),
           "dead": (" bad", "Engine DEAD"), "ended": (" warn", "Engine ended"),
           "unknown": (" warn", "Engine unknown")}  # fmt: skip
_SWEEP = {"sweeping": (" warn", "closing"), "flat": ("", "flat"), "blocked": (" bad", "needs you")}


class Frame(Struct, frozen=True, kw_only=True):
    """What stands around a page: who shows it, and the mark that its forms carry."""

    mark: Callable[[str], str] = lambda what: ""
    said: CommandResult | None = None
    present: bool | None = None
    """Whether presence is confirmed; None where nobody is asked for it."""


def document(title: str, body: str, *, refresh: bool = False) -> str:
    """Give a whole page."""
    again = f'<meta http-equiv="refresh" content="{REFRESH_S};url=/">' if refresh else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{again}<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body>{body}</body></html>"
    )


def login_page(problem: str = "") -> str:
    """Give the page that asks for the token."""
    said = f'<p role="alert"><b>{escape(problem)}</b></p>' if problem else ""
    body = (
        "<header><h1>Bascule: emergency page</h1></header><section>"
        f'{said}<form method="post" action="/login"><label>Token of this page'
        '<input name="token" type="password" autocomplete="current-password" required autofocus '
        'autocapitalize="off" spellcheck="false"></label><button>Log in</button></form>'
        '<p class="dim">It is shown by <b>bascule guardian page</b> on the machine itself.</p>'
        "</section>"
    )
    return document("Bascule", body)


def main_page(view: GuardianView, frame: Frame) -> str:
    """Give the page with every button."""
    accounts = view.accounts
    everywhere = next((one for one in view.stops if one.scope == "all"), None)
    parts = [_header(view), _said(frame.said)]
    parts.append(
        f'<section><div class="top"><h2>Everything</h2>{_stopped(everywhere)}</div>'
        f'<p class="num">{_counts(accounts)}</p><div class="row">'
        + _button(frame, "halt", "all", "Halt everything", "no new risk; exits go on", "halt big")
        + '</div><div class="row">'
        + _link(
            "/flatten?scope=all", "Flatten everything…", "close all; asks once more", "flat big"
        )
        + "</div>"
        + "</section>"
    )
    few = len(accounts) <= CARDS_MAX
    parts += [_card(one, frame, view.at) if few else _line(one) for one in accounts]
    parts += [_presence(frame), _stops(view.stops)]
    parts.append(
        "<details><summary>More</summary><section>"
        f"<p>{_counts(accounts)}</p>"
        + _button(frame, "cancel", "all", "Cancel entries", "halt, and take entries back")
        + '<div class="row">'
        + _button(frame, "freeze", "all", "Freeze", "nothing at all is sent, exits neither")
        + '</div><div class="row">'
        + f'<form method="post" action="/logout">{_mark(frame, "logout")}'
        + "<button>Log out</button></form></div></section></details>"
    )
    return document(f"Bascule {view.mode}", "".join(parts), refresh=True)


def account_page(view: GuardianView, one: AccountView, frame: Frame) -> str:
    """Give the page of one account's buttons."""
    card = _card(one, frame, view.at)
    body = f"{_header(view)}{_said(frame.said)}{card}{_link('/', 'Go back', '', '')}"
    return document(one.account, body)


def flatten_page(
    view: GuardianView, accounts: Sequence[AccountView], scope: str, frame: Frame, asked: str
) -> str:
    """Give the page that says what a flatten closes, and asks once more."""
    lines = "".join(
        f"<li><b>{escape(one.account)}</b>: {_count(one.positions, 'position')}, "
        f"{_count(one.working_orders, 'order')}{_old(one, view.at)}</li>"
        for one in accounts
    )
    body = (
        f"{_header(view)}{_said(frame.said)}<section><h2>Flatten {escape(_words(scope))}?</h2>"
        f"<p>This cancels every order and closes every position at the market:</p><ul>{lines}</ul>"
        "<p>Counts are the venues' own, as last shown. What came since is closed too. The engine"
        " sends nothing until it is armed again.</p>"
        f'<form method="post" action="/do">{_mark(frame, f"flatten {scope} {asked}")}'
        f'<input type="hidden" name="asked" value="{asked}">'
        f"{_hidden('flatten', scope)}"
        f'<button class="flat big">Yes, flatten {escape(_words(scope))}'
        f"<small>{_counts(accounts)}</small></button></form>"
        f'<div class="row">{_link("/", "No, go back", "", "")}</div></section>'
    )
    return document("Flatten?", body)


def arm_page(view: GuardianView, stop: StopView, frame: Frame) -> str:
    """Give the page on which a stop is lifted."""
    name = stop.scope.partition(":")[2] or stop.scope
    code = (
        '<label>Code of your second factor<input name="code" inputmode="numeric" '
        'autocomplete="one-time-code" required></label>'
        if view.second_factor
        else ""
    )
    body = (
        f"{_header(view)}{_said(frame.said)}<section><h2>Arm {escape(_words(stop.scope))}?</h2>"
        f"<p>{_stop_words(stop)}</p>"
        f'<form method="post" action="/do">{_mark(frame, "arm " + stop.scope)}'
        f"{_hidden('arm', stop.scope)}"
        f"<label>Type <b>{escape(name)}</b> to confirm"
        '<input name="typed" required autocomplete="off" autocapitalize="off"></label>'
        f"{code}<button>Arm</button></form>"
        f'<div class="row">{_link("/", "Go back", "", "")}</div></section>'
    )
    return document("Arm?", body)


def _header(view: GuardianView) -> str:
    kind, words = _ENGINE[view.engine]
    return (
        f"<header><h1>Bascule {escape(view.mode)}<br>"
        f'<span class="dim">{_clock(view.at)} UTC</span></h1>'
        f'<span class="pill{kind}">{words}</span></header>'
    )


def _said(said: CommandResult | None) -> str:
    if said is None:
        return ""
    did = "Done" if said.status == "done" else "NOT done"
    return f'<section role="status"><b>{did}, {_clock(said.at)}:</b> {escape(said.text)}</section>'


def _stops(stops: Sequence[StopView]) -> str:
    if not stops:
        return ""
    lines = "".join(
        f'<p><b>{_stop_words(one)}</b></p><div class="row">'
        f"{_link('/arm?scope=' + escape(one.scope), 'Arm…', '', '')}</div>"
        for one in stops
    )
    return f"<section><h2>Stops in force</h2>{lines}</section>"


def _stop_words(stop: StopView) -> str:
    until = f", locked until {_moment(stop.until)}" if stop.until else ""
    by = f" by {escape(stop.by)}" if stop.by else ""
    why = f": {escape(stop.reason)}" if stop.reason else ""
    return f"{stop.action} on {escape(_words(stop.scope))} since {_clock(stop.at)}{by}{until}{why}"


def _card(one: AccountView, frame: Frame, now: Instant) -> str:
    kind, state = _SWEEP.get(one.sweep, ("", ""))
    if not one.link_up:
        kind, state = " bad", "no link"
    pill = f'<span class="pill{kind}">{state}</span>' if state else _stopped(one.stop)
    money = ""
    if one.equity is not None:
        room = f", {_grouped(one.room)} above its loss line" if one.room is not None else ""
        money = f'<p class="dim">Equity {_grouped(one.equity)} {escape(one.currency)}{room}</p>'
    note = f"<p>{escape(one.note)}</p>" if one.note else ""
    scope = f"account:{one.account}"
    return (
        f'<section><div class="top"><h2>{escape(one.account)}</h2>{pill}</div>'
        f'<p class="num">{_count(one.positions, "position")}, '
        f"{_count(one.working_orders, 'working order')}{'' if one.link_up else _old(one, now)}</p>"
        f"{money}{note}"
        f'<div class="row">{_button(frame, "halt", scope, "Halt", "", "halt")}'
        f"{_link('/flatten?scope=' + escape(scope), 'Flatten…', '', 'flat')}</div></section>"
    )


def _stopped(stop: StopView | None) -> str:
    """Say in a word that a stop is in force."""
    if stop is None:
        return ""
    return f'<span class="pill warn">{stop.action} since {_clock(stop.at)}</span>'


def _line(one: AccountView) -> str:
    name = escape(one.account)
    state = "" if one.link_up else ", no link"
    stop = f", {one.stop.action}" if one.stop is not None else ""
    words = f"{_count(one.positions, 'position')}, {_count(one.working_orders, 'order')}"
    return f'<p><a class="button" href="/account?name={name}">{name}: {words}{state}{stop}</a></p>'


def _presence(frame: Frame) -> str:
    if frame.present is None:
        return ""
    words = "You are known to be here." if frame.present else "Nobody has confirmed presence."
    return (
        f'<section><p>{words}</p><form method="post" action="/here">{_mark(frame, "here")}'
        "<button>I am here</button></form></section>"
    )


def _button(
    frame: Frame, action: str, scope: str, words: str, small: str = "", kind: str = ""
) -> str:
    below = f"<small>{small}</small>" if small else ""
    return (
        f'<form method="post" action="/do">{_mark(frame, f"{action} {scope}")}'
        f'{_hidden(action, scope)}<button class="{kind}">{words}{below}</button></form>'
    )


def _link(target: str, words: str, small: str, kind: str) -> str:
    below = f"<small>{small}</small>" if small else ""
    return f'<a class="button {kind}" href="{target}">{words}{below}</a>'


def _mark(frame: Frame, what: str) -> str:
    return f'<input type="hidden" name="mark" value="{frame.mark(what)}">'


def _hidden(action: str, scope: str) -> str:
    return (
        f'<input type="hidden" name="action" value="{action}">'
        f'<input type="hidden" name="scope" value="{escape(scope)}">'
    )


def _counts(accounts: Sequence[AccountView]) -> str:
    unknown = sum(1 for one in accounts if one.positions is None or one.working_orders is None)
    parts = [
        _count(len(accounts), "account"),
        _count(sum(one.positions or 0 for one in accounts), "position"),
        _count(sum(one.working_orders or 0 for one in accounts), "order"),
    ]
    more = f"; not known: {_count(unknown, 'account')}" if unknown else ""
    return ", ".join(parts) + more


def _count(number: int | None, word: str) -> str:
    if number is None:
        return f"{word}s not known"
    return f"{number} {word}{'' if number == 1 else 's'}"


def _grouped(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _old(one: AccountView, now: Instant) -> str:
    if one.looked_at is None:
        return ", never seen"
    return f", seen {(now - one.looked_at) // SECOND} s ago"


def _words(scope: str) -> str:
    kind, _, name = scope.partition(":")
    return "everything" if scope == "all" else f"{kind} {name}"


def _clock(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at / SECOND, UTC):%H:%M:%S}"


def _moment(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at / SECOND, UTC):%Y-%m-%d %H:%M} UTC"


def covered(
    view: GuardianView, specs: Sequence[AccountSpec], scope: str
) -> tuple[AccountView, ...]:
    """Give the accounts that a scope covers; a strategy may trade on any."""
    kind, _, name = scope.partition(":")
    inside = {
        spec.id
        for spec in specs
        if scope == "all"
        or kind == "strategy"
        or name == {"account": spec.id, "venue": spec.venue, "firm": spec.firm}.get(kind)
    }
    return tuple(one for one in view.accounts if one.account in inside)
