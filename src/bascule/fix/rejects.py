"""Rejects that we send: in the words of the version, routed back to where the message is from."""

from bascule.fix.message import Field, Message
from bascule.fix.outbox import BUSINESS_REJECT, REJECT
from bascule.fix.validation import INVALID_MSG_TYPE, Reject
from bascule.fix.version import Version

UNSUPPORTED_MESSAGE_TYPE = 3
"""BusinessRejectReason of a known type that the application does not process."""

_ROUTES = ((115, 128), (116, 129), (128, 115), (129, 116))
_LOCATIONS = ((144, 145), (145, 144))


def _routed_back(version: Version, message: Message) -> list[Field]:
    """Name the party that the message was from as the one that the answer is for."""
    routes = _ROUTES if version.name == "FIX.4.0" else _ROUTES + _LOCATIONS
    return sorted((back, value) for tag, back in routes if (value := message.get(tag)))


def session_reject(version: Version, message: Message, number: int, why: Reject) -> Message:
    """Make a Reject (3) of the message that came with ``number`` as its MsgSeqNum.

    Before FIX 4.2 only the text says which field is meant; 4.2 has no reason above 11.
    """
    fields = [*_routed_back(version, message), (45, b"%d" % number)]
    if not version.business_rejects:
        text = why.text if why.tag is None else f"{why.text} ({why.tag})"
        return Message(REJECT, [*fields, (58, text.encode())])
    fields.append((58, why.text.encode()))
    if why.tag is not None:
        fields.append((371, b"%d" % why.tag))
    fields.append((372, message.msg_type))
    if version.name != "FIX.4.2" or why.reason <= INVALID_MSG_TYPE:
        fields.append((373, b"%d" % why.reason))
    return Message(REJECT, fields)


def business_reject(
    version: Version, message: Message, number: int, reason: int, text: str
) -> Message:
    """Make a BusinessMessageReject (j), or a Reject before FIX 4.2, which has none."""
    fields = [*_routed_back(version, message), (45, b"%d" % number), (58, text.encode())]
    if not version.business_rejects:
        return Message(REJECT, fields)
    fields += [(372, message.msg_type), (380, b"%d" % reason)]
    if version.default_appl_ver_id:
        fields.append((1137, version.default_appl_ver_id))
    return Message(BUSINESS_REJECT, fields)
