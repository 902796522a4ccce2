"""The pace of an account: tokens that refill, and some that entries leave alone."""

from bascule.engine.pacing import TokenBucket
from bascule.model.account import Pacing
from bascule.model.values import SECOND

PACE = Pacing(requests_per_second=10, burst=5, reserve=2)


def taken(bucket: TokenBucket, now: int, *, entry: bool) -> int:
    """Take tokens until there is none; gives how many there were."""
    count = 0
    while bucket.take(now, entry=entry):
        count += 1
    return count


def test_entries_leave_the_reserve_to_cancels_and_closes() -> None:
    """A burst of five with a reserve of two: three entries, and two of the rest."""
    bucket = TokenBucket(PACE, 0)
    assert taken(bucket, 0, entry=True) == 3
    assert taken(bucket, 0, entry=False) == 2


def test_tokens_refill_with_time_and_no_further_than_the_burst() -> None:
    """Ten a second; an hour of silence earns no more than one burst."""
    bucket = TokenBucket(PACE, 0)
    assert taken(bucket, 0, entry=False) == 5
    assert taken(bucket, SECOND // 5, entry=False) == 2
    assert taken(bucket, 3_600 * SECOND, entry=False) == 5


def test_a_clock_that_goes_back_earns_nothing() -> None:
    """Nor does it take away what is there."""
    bucket = TokenBucket(PACE, SECOND)
    assert taken(bucket, 0, entry=False) == 5
    assert not bucket.take(SECOND, entry=False)


def test_the_wait_is_as_long_as_it_takes_and_no_longer() -> None:
    """A nanosecond before it there is no token, and then there is one."""
    for entry in (True, False):
        bucket = TokenBucket(PACE, 0)
        assert bucket.wait_ns(entry=entry) <= 1
        taken(bucket, 0, entry=False)
        wait = bucket.wait_ns(entry=entry)
        assert (3 if entry else 1) * SECOND // 10 <= wait <= (3 if entry else 1) * SECOND // 10 + 1
        assert not bucket.take(wait - 2, entry=entry)
        assert bucket.take(wait, entry=entry)


def test_a_reserve_as_large_as_the_burst_still_lets_one_entry_go() -> None:
    """Else no entry could ever leave."""
    bucket = TokenBucket(Pacing(requests_per_second=1, burst=2, reserve=9), 0)
    assert taken(bucket, 0, entry=True) == 1
