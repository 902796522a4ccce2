"""The guardian's pace towards a venue: a burst, then as fast as the account may, and no faster."""

from bascule.guardian.pace import Pace
from bascule.model.account import Pacing
from bascule.model.values import SECOND

from .house import START, HandClock

PACING = Pacing(requests_per_second=10, burst=5, reserve=3)


async def test_a_burst_goes_at_once_and_the_rest_waits_its_turn() -> None:
    """All of the burst is the guardian's, the reserve too; then one request a tenth of a second."""
    clock = HandClock()
    pace = Pace(PACING, clock)
    await pace.turn(5)
    assert clock.time == START
    await pace.turn(1)
    assert SECOND // 10 <= clock.time - START <= SECOND // 10 + 1
    await pace.turn(3)
    assert 4 * SECOND // 10 <= clock.time - START <= 4 * SECOND // 10 + 2


async def test_silence_earns_no_more_than_one_burst() -> None:
    """After an hour five may go at once, and the sixth waits."""
    clock = HandClock()
    pace = Pace(PACING, clock)
    clock.move(3_600 * SECOND)
    await pace.turn(pace.most)
    quiet = clock.time
    await pace.turn(1)
    assert clock.time - quiet >= SECOND // 10
