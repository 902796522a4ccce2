"""The shape of ``[sources.NAME.fix]``: one FIX session in which Bascule is the broker."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from bascule.config.fields import Name, Port, SecretName
from bascule.config.table import Table, wrong
from bascule.fix.schedule import Schedule
from bascule.signals.intake.fix_terms import FixRole, FixVersion

_COMP_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")


def _comp_id(value: str) -> str:
    if not _COMP_ID.fullmatch(value):
        raise ValueError("is no CompID; write 1 to 32 letters, digits, _ . and -")
    return value


CompId = Annotated[str, AfterValidator(_comp_id)]


class FixHours(Table):
    """``[sources.NAME.fix.schedule]``: a session's hours by the clock of a zone.

    With ``start_day`` and ``end_day`` it is a week's, else a day's.
    """

    zone: str
    start: str
    end: str
    start_day: str = ""
    end_day: str = ""

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        try:
            self.schedule()
        except ValueError as error:
            raise wrong("zone", str(error)) from None
        return self

    def schedule(self) -> Schedule:
        """Give the hours.

        Raises:
            ValueError: they are none.
        """
        return Schedule.stated(self.zone, self.start, self.end, self.start_day, self.end_day)


class FixSettings(Table):
    """One session with one client. ``password_secret`` is the name of a secret."""

    begin_string: FixVersion
    port: Port
    sender: CompId
    target: CompId
    password_secret: SecretName
    host: str = "127.0.0.1"
    role: FixRole = "orders"
    username: str = ""
    accounts: tuple[Name, ...] = ()
    reset_on_logon: bool = False
    schedule: FixHours | None = None
    certificate: str = ""
    key: str = ""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if bool(self.certificate) is not bool(self.key):
            raise wrong("key" if self.certificate else "certificate", "both, or neither")
        if self.username and self.begin_string == "FIX.4.2":
            raise wrong("username", "FIX.4.2 has no Username; its password is in RawData (96)")
        if self.role == "drop_copy" and not self.accounts:
            raise wrong("accounts", 'role = "drop_copy" needs the accounts whose orders it tells')
        if not self.password_secret:
            raise wrong("password_secret", "a session needs one: CompIDs are no proof")
        return self
