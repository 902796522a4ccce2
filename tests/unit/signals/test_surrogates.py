"""Half a character in a JSON escape is refused: no journal could hold what it stands for."""

import msgspec
import pytest

from bascule.model.values import Instant
from bascule.signals.intake.source import Source

READER = Source(name="test", path_token="token-of-no-value").reader()


@pytest.mark.parametrize(
    "body",
    [
        '{"ticker":"EURUSD","action":"buy","strategy":"a\\ud800b"}',
        '{"ticker":"EURUSD","action":"buy","comment":"\\uDFFF"}',
        '{"signal":{"id":"\\ud800"},"intents":[{"intent":"flatten"}]}',
        '{"ticker":"EURUSD","order":"{\\"action\\":\\"buy\\",\\"comment\\":\\"\\\\ud83d\\"}"}',
    ],
)
def test_half_a_character_is_refused_and_can_be_journaled(body: str) -> None:
    """The refusal itself is plain text, so it can be kept."""
    signal = READER.read(body, Instant(1))
    assert signal.refused_code == "bad_encoding"
    assert signal.intents == ()
    msgspec.json.encode(signal)


def test_a_whole_character_in_escapes_is_read() -> None:
    """A pair of escapes that makes one character is no half."""
    body = '{"ticker":"EURUSD","action":"buy","comment":"\\ud83d\\ude00"}'
    signal = READER.read(body, Instant(1))
    assert signal.refused_code == ""
    msgspec.json.encode(signal)
