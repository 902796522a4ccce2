"""Every kind of alert: its name, how much it matters, and when it is sent.

Outcomes only. What an order goes through on its way is in the console and the journal.
"""

from typing import NamedTuple

from bascule.alerts.alert import Alert, Severity


class Kind(NamedTuple):
    """One kind of alert."""

    severity: Severity
    when: str


_I, _W, _C = Severity.INFO, Severity.WARNING, Severity.CRITICAL

KINDS = {
    "order_filled": Kind(_I, "an entry or exit filled in full, or ended with a part filled"),
    "protection_filled": Kind(_I, "a stop or target filled"),
    "order_rejected": Kind(_W, "the venue refused an entry or exit"),
    "protection_rejected": Kind(_C, "the venue refused a stop or target"),
    "order_refused": Kind(_W, "one of our own checks held an order back"),
    "firm_rule": Kind(_W, "the engine took back entries or closed, as a firm's rule fell due"),
    "signal_refused": Kind(_W, "a signal came from a known sender and cannot be acted on"),
    "order_expired": Kind(_W, "an entry or exit expired, or became too old to be sent"),
    "in_doubt": Kind(_C, "nobody knows whether the venue took an order"),
    "doubt_over": Kind(_I, "a person settled an order that was in doubt"),
    "fill_busted": Kind(_C, "the venue took a fill back or corrected it"),
    "foreign_trade": Kind(_W, "a trade on an account that no order of ours made"),
    "halted": Kind(_C, "a halt came into force: nothing that adds risk passes"),
    "frozen": Kind(_C, "a freeze came into force: nothing at all passes"),
    "locked": Kind(_C, "a lock came into force: a halt that nobody can lift before its hour"),
    "armed": Kind(_W, "a stop was lifted"),
    "arm_refused": Kind(_W, "somebody asked to lift a stop and may not"),
    "account_idle": Kind(_W, "the firm is about to close an account that does not trade"),
    "loss_level": Kind(_W, "an account lost so much that new risk is blocked, or more"),
    "limits_changed": Kind(_W, "somebody changed the limits of a scope"),
    "drift": Kind(_C, "our position and the venue's differ"),
    "drift_over": Kind(_I, "our position and the venue's agree again"),
    "link_lost": Kind(_W, "an account's link has been down for 30 s (`link_lost_after`)"),
    "link_back": Kind(_I, "that link is up again"),
    "engine_started": Kind(_I, "the engine started; with what it found, when that is not in order"),
    "engine_stopped": Kind(_W, "the engine ended in good order"),
    "engine_down": Kind(_C, "the guardian finds that the engine has stalled or died"),
    "engine_back": Kind(_I, "the guardian finds the engine at work again"),
    "guardian_down": Kind(_C, "the engine finds no guardian at work"),
    "guardian_back": Kind(_I, "the engine finds the guardian at work again"),
    "guardian_acted": Kind(_C, "the guardian halts, flattens or kills the engine"),
    "flat": Kind(_C, "the guardian's flatten is over: it says what is proven flat"),
    "guardian_fault": Kind(_C, "the guardian, or one of its faces, cannot work as it should"),
    "telegram_paired": Kind(_W, "a chat was paired with the guardian's bot"),
    "drill": Kind(_I, "a drill of the kill switch passed; one that failed is critical"),
    "presence_due": Kind(_W, "nobody has confirmed presence yet and the time is nearly up"),
    "presence_missed": Kind(_C, "nobody confirmed presence: attended accounts are halted"),
    "presence_back": Kind(_I, "presence was confirmed again; the halt stays until it is armed"),
    "held_back": Kind(_I, "a digest of alerts that were not told one by one"),
    "test": Kind(_I, "`bascule alerts test`"),
}


def alert(
    name: str,
    subject: str,
    text: str,
    *,
    key: str = "",
    severity: Severity | None = None,
    clears: tuple[str, ...] = (),
) -> Alert:
    """Make an alert of a kind.

    Args:
        name: a key of ``KINDS``.
        subject: what it is about, such as an account; the title begins with it.
        text: one or two sentences.
        key: what makes it the same alert again; else name and subject.
        severity: another than the kind's own.
        clears: keys of alerts whose matter this one ends.
    """
    return Alert(
        name=name,
        severity=severity or KINDS[name].severity,
        key=key or key_of(name, subject),
        title=f"{subject}: {name.replace('_', ' ')}",
        text=text,
        clears=clears,
    )


def key_of(name: str, subject: str) -> str:
    """Give the key of an alert that was given none."""
    return f"{name}|{subject}"
