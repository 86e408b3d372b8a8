"""The ticker: every job runs soon after the start, however seldom it is due."""

from datetime import UTC, datetime, timedelta

from mailcrm.schedule import Job, start


def test_a_job_of_every_six_hours_runs_within_a_minute_of_each_start() -> None:
    scheduler = start((Job("seldom", 6 * 3600.0, lambda: None), Job("often", 20.0, lambda: None)))
    try:
        soonest = {job.id: job.next_run_time - datetime.now(UTC) for job in scheduler.get_jobs()}
    finally:
        scheduler.shutdown()
    assert timedelta(seconds=30) < soonest["seldom"] <= timedelta(seconds=60)
    assert soonest["often"] <= timedelta(seconds=20)
