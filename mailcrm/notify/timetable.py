"""When a digest is due: once per working day at the user's own time, in their own zone. Pure.

The day of a clock change has it once too: a time that does not exist moves to the end of the gap, a doubled one is its first. One
missed while the machine was off is due until ``latest`` on its day, then it counts as missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

LOOK_BACK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Schedule:
    """One user's digests. ``since``: none is due for a time before; ``done``: local dates that have their row."""

    user_id: int
    time_zone: str
    working_days: str  # ISO weekdays, e.g. "12345"
    digest_at: str  # HH:MM
    since: datetime
    done: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Due:
    user_id: int
    local_date: date
    is_missed: bool  # too late to send; only to be said in the next


def due(users: Sequence[Schedule], now: datetime, latest: str = "12:00") -> tuple[Due, ...]:
    """What is due at ``now`` and has no row yet, each user's oldest first."""
    return tuple(one for user in users for one in _due_of(user, now, latest))


def _due_of(user: Schedule, now: datetime, latest: str) -> list[Due]:
    today = now.astimezone(ZoneInfo(user.time_zone)).date()
    first = max(
        min(user.done, default=today), today - timedelta(days=LOOK_BACK_DAYS)
    )  # nothing is missed before the first
    days = [first + timedelta(days=n) for n in range((today - first).days + 1)]
    return [
        Due(user.user_id, day, now >= _end(user, day, latest))
        for day in days
        if str(day.isoweekday()) in user.working_days
        and day not in user.done
        and user.since < scheduled_at(user, day) <= now
    ]


def scheduled_at(user: Schedule, day: date) -> datetime:
    """The moment of that day's digest."""
    hour, minute = map(int, user.digest_at.split(":"))
    eve = datetime.combine(day - timedelta(days=1), time(23, 59), ZoneInfo(user.time_zone))
    return next(CronSim(f"{minute} {hour} * * *", eve)).astimezone(UTC)


def _end(user: Schedule, day: date, latest: str) -> datetime:
    """Until when a late digest is still of use; to the end of the day where its own time is after ``latest``."""
    end = time.fromisoformat(latest)
    if time.fromisoformat(user.digest_at) < end:
        return datetime.combine(day, end, ZoneInfo(user.time_zone))
    return datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(user.time_zone))
