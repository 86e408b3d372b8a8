"""When a mail is tried again."""

from datetime import UTC, datetime, timedelta

from mailcrm.notify.backoff import next_attempt_at

FIRST = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_it_waits_1_5_and_15_minutes_then_an_hour() -> None:
    waits = [next_attempt_at(n, FIRST, FIRST) for n in (1, 2, 3, 4, 9)]
    assert [wait - FIRST for wait in waits if wait] == [timedelta(minutes=m) for m in (1, 5, 15, 60, 60)]


def test_it_gives_up_after_48_hours_and_not_before() -> None:
    end = FIRST + timedelta(hours=48)
    assert next_attempt_at(50, FIRST, end - timedelta(minutes=10)) == end
    assert next_attempt_at(51, FIRST, end) is None
    assert next_attempt_at(51, FIRST, end, give_up_hours=72) == end + timedelta(hours=1)


def test_every_attempt_of_a_dead_peer_is_counted() -> None:
    now: datetime | None = FIRST
    attempts = 0
    while now is not None:
        attempts += 1
        now = next_attempt_at(attempts, FIRST, now)
    assert attempts == 52
