"""The table of periodic jobs for APScheduler: a ticker, never the source of truth. What is due is read from rows.

Every job may run late, twice or after a stop of days without harm; each says in its own module why. ``coalesce``: after a pause a
job runs once, not once for every tick that was missed.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from mailcrm.store.faults import in_a_line, is_away

log = logging.getLogger(__name__)

_FIRST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """A function without arguments and how often it is called, in seconds."""

    name: str
    seconds: float
    run: Callable[[], object]


def start(jobs: tuple[Job, ...]) -> BackgroundScheduler:
    """Start ticking; ``shutdown()`` on what is returned ends it after the running jobs.

    Each job runs for the first time within a minute: a daemon that is started anew every few hours does its daily work too.
    """
    scheduler = BackgroundScheduler(
        timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for job in jobs:
        first_at = datetime.now(UTC) + timedelta(seconds=min(job.seconds, _FIRST_SECONDS))
        scheduler.add_job(_guarded(job), "interval", seconds=job.seconds, id=job.name, next_run_time=first_at)
    scheduler.start()
    return scheduler


def _guarded(job: Job) -> Callable[[], None]:
    def run() -> None:
        try:
            job.run()
        except Exception as e:  # the scheduler wrapper: one failing job must not end the others, nor its own next run
            if is_away(e):
                log.warning("job %s waits: the database is away: %s", job.name, in_a_line(e))
            else:
                log.exception("job %s failed and will be tried again", job.name)

    return run
