"""Which dictionaries a session holds its messages against."""

from bascule.fix.core import Validate
from bascule.fix.dictionary import APPL_VERSIONS, Dictionary, load
from bascule.fix.message import Message
from bascule.fix.tree import ADMIN_TYPES
from bascule.fix.validation import DEFAULT, VALUE_INCORRECT, Options, Reject, validate
from bascule.fix.version import Version

APPL_VER_ID = 1128


def validator(version: Version, options: Options = DEFAULT, overlay: str = "") -> Validate:
    """Give what checks the messages of one session.

    Args:
        version: of the session. From FIX 5.0 on a message may name another one for itself (1128).
        options: what to check.
        overlay: a counterparty's own tags, see ``Dictionary.overlaid``.

    Raises:
        ConfigError: the overlay cannot be read.
    """
    session = load(version.begin_string.decode())
    application = load(version.name)
    if overlay:
        application = application.overlaid(overlay)
    if session.version == version.name:
        session = application

    def check(message: Message) -> Reject | None:
        named = message.get(APPL_VER_ID) if version.default_appl_ver_id else None
        if named is None or named == version.default_appl_ver_id:
            return validate(message, session, application, options)
        if message.msg_type in ADMIN_TYPES:
            return validate(message, session, application, options)
        other = _application(named)
        if other is None:
            return Reject(VALUE_INCORRECT, APPL_VER_ID)
        return validate(message, session, other, options)

    return check


def _application(appl_ver_id: bytes) -> Dictionary | None:
    name = APPL_VERSIONS.get(appl_ver_id)
    return load(name) if name else None
