"""When a digest is due: once per working day, or week, at the user's own time, in their own zone. Pure.

The day of a clock change has it once too: a time that does not exist moves to the end of the gap, a doubled one is its first. One
missed while the machine was off is due until ``latest`` on its day, then it counts as missed. A weekly one comes on its weekday, or
on the first working day after it that has neither holiday, absence nor a machine that is off. During an absence none is due.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from mailcrm.workdays import WorkingTime, is_working_day

LOOK_BACK_DAYS = 7
DAILY, WEEKLY, OFF = "daily", "weekly", "off"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One user's digests. ``since``: none is due for a time before; ``done``: local dates that have their row; ``sent``: those of
    them whose digest left, or had nothing to say."""

    user_id: int
    time_zone: str
    working_days: str  # ISO weekdays, e.g. "12345"
    digest_at: str  # HH:MM
    since: datetime
    done: frozenset[date] = frozenset()
    how_often: str = DAILY
    weekday: str = "1"  # of a weekly one
    holidays: str = ""
    sent: frozenset[date] = frozenset()
    away_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Due:
    user_id: int
    local_date: date
    is_missed: bool  # too late to send; only to be said in the next
    is_away: bool = False  # nobody was there to read it; the next covers it


def due(users: Sequence[Schedule], now: datetime, latest: str = "12:00") -> tuple[Due, ...]:
    """What is due at ``now`` and has no row yet, each user's oldest first."""
    return tuple(one for user in users if user.how_often != OFF for one in _due_of(user, now, latest))


def _due_of(user: Schedule, now: datetime, latest: str) -> Iterator[Due]:
    today = now.astimezone(ZoneInfo(user.time_zone)).date()
    first = max(
        min(user.done, default=today), today - timedelta(days=LOOK_BACK_DAYS)
    )  # nothing is missed before the first
    is_away = user.away_until is not None and now < user.away_until
    for day in _days(first, today):
        if day in user.done or not _is_digest_day(user, day) or not user.since < scheduled_at(user, day) <= now:
            continue
        is_over = now >= _end(user, day, latest)
        if is_away and is_over:
            yield Due(user.user_id, day, is_missed=False, is_away=True)
        elif not is_away and (not is_over or _is_first_choice(user, day)):
            yield Due(user.user_id, day, is_missed=is_over)


def _is_digest_day(user: Schedule, day: date) -> bool:
    """Whether this day has a digest, if it has none yet; of a week, every working day after one that came to nothing."""
    if not _works(user, day):
        return False
    if user.how_often == DAILY:
        return True
    begin = _begin_of_week(user, day)
    choices = [one for one in _days(begin, day) if _works(user, one)]
    has_come = any(begin <= one < day for one in user.sent)
    return not has_come and user.since < scheduled_at(user, choices[0])


def _is_first_choice(user: Schedule, day: date) -> bool:
    """A missed week is said once, not for every day that it could have come on instead."""
    if user.how_often == DAILY:
        return True
    return next(one for one in _days(_begin_of_week(user, day), day) if _works(user, one)) == day


def _works(user: Schedule, day: date) -> bool:
    return is_working_day(day, WorkingTime(user.time_zone, user.working_days, user.holidays))


def _begin_of_week(user: Schedule, day: date) -> date:
    return day - timedelta(days=(day.isoweekday() - int(user.weekday)) % 7)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


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
