"""When a mail is tried again: after 1, 5 and 15 minutes, then hourly, given up after 48 hours. Pure."""

from datetime import datetime, timedelta

_FIRST_WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
_HOURLY = timedelta(hours=1)


def next_attempt_at(attempts: int, first: datetime, now: datetime, give_up_hours: int = 48) -> datetime | None:
    """The time after the ``attempts``-th attempt, made at ``now``; None when the mail is given up.

    The last attempt falls on the very end of the time, so that a mail is not given up early by the length of a wait.
    """
    end = first + timedelta(hours=give_up_hours)
    if now >= end:
        return None
    wait = _FIRST_WAITS[attempts - 1] if 1 <= attempts <= len(_FIRST_WAITS) else _HOURLY
    return min(now + wait, end)
