"""The spool: what was acknowledged is there, whoever dies and whenever."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailcrm.ingest.spool import LEFTOVER_SECONDS, TRIES, Spool, retry_delay
from mailcrm.mail import Door, Envelope, Temporary

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ENVELOPE = Envelope("carol@firma.test", ("sales@crm.test",), NOON, Door.SMTP, "192.0.2.1")
RAW = b"Subject: offer\r\n\r\nHow much is it?\r\n"


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@contextmanager
def opened(root: Path, name: str = "alice", now: Callable[[], datetime] | None = None) -> Iterator[Spool]:
    spool = Spool(root, name, now or Clock())
    try:
        yield spool
    finally:
        spool.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(tmp_path: Path, clock: Clock) -> Iterator[Spool]:
    with opened(tmp_path / "spool", now=clock) as spool:
        yield spool


# --- in and out -------------------------------------------------------------------------------------------------------------


def test_what_is_put_can_be_claimed_with_its_envelope_and_bytes(spool: Spool) -> None:
    spool_id = spool.put(ENVELOPE, RAW)
    [entry] = spool.claim(10)
    assert (entry.id, entry.attempts, entry.envelope, entry.read()) == (spool_id, 1, ENVELOPE, RAW)
    assert spool.claim(10) == []


def test_a_mail_may_hold_any_bytes_or_none(spool: Spool) -> None:
    mails = [b"", b"\n\n\0\xff\r", bytes(range(256)) * 5000]
    ids = [spool.put(ENVELOPE, raw) for raw in mails]
    assert [(entry.id, entry.read()) for entry in spool.claim(10)] == list(zip(ids, mails, strict=True))


def test_it_gives_the_oldest_first_and_no_more_than_asked(spool: Spool) -> None:
    ids = [spool.put(ENVELOPE, RAW) for _ in range(7)]
    assert [entry.id for entry in spool.claim(3)] == ids[:3]
    assert [entry.id for entry in spool.claim(3)] == ids[3:6]
    assert [entry.id for entry in spool.claim(3)] == ids[6:]


def test_ids_are_unique_and_rise_while_the_clock_stands_or_is_set_back(spool: Spool, clock: Clock) -> None:
    ids = [spool.put(ENVELOPE, RAW) for _ in range(20)]
    clock.forward(-3600)
    ids += [spool.put(ENVELOPE, RAW) for _ in range(20)]
    assert ids == sorted(set(ids))
    assert all(character.isalnum() or character == "-" for character in "".join(ids))


def test_two_processes_never_make_the_same_id(tmp_path: Path) -> None:
    with opened(tmp_path, "alice") as alice, opened(tmp_path, "bob") as bob:
        ids = {spool.put(ENVELOPE, RAW) for spool in (alice, bob) for _ in range(50)}
    assert len(ids) == 100


def test_many_threads_put_at_once_and_each_mail_is_there(spool: Spool) -> None:
    with ThreadPoolExecutor(20) as threads:
        ids = list(threads.map(lambda number: spool.put(ENVELOPE, b"%d" % number), range(300)))
    entries = spool.claim(1000)
    assert sorted(entry.read() for entry in entries) == sorted(b"%d" % number for number in range(300))
    assert {entry.id for entry in entries} == set(ids)


def test_done_forgets_and_may_be_said_twice(spool: Spool, tmp_path: Path) -> None:
    spool.put(ENVELOPE, RAW)
    entries = spool.claim(1)
    spool.done(entries)
    spool.done(entries)
    assert files(tmp_path / "spool") == ["work/alice/lock"]


def test_folders_and_files_are_for_nobody_else(spool: Spool, tmp_path: Path) -> None:
    spool.put(ENVELOPE, RAW)
    spool.put(ENVELOPE, RAW)
    [entry] = spool.claim(1)
    spool.bury(entry, "for a look", "")
    modes = {
        path.is_dir(): path.stat().st_mode & 0o777 for path in [tmp_path / "spool", *(tmp_path / "spool").rglob("*")]
    }
    assert modes == {True: 0o700, False: 0o600}


def test_a_stream_is_written_piece_by_piece(spool: Spool) -> None:
    stream = spool.open_stream(ENVELOPE)
    for _ in range(30):
        stream.write(b"x" * 100_000)
    assert spool.claim(1) == []
    assert stream.commit().result() == stream.id
    [entry] = spool.claim(1)
    assert (entry.id, entry.envelope, entry.read()) == (stream.id, ENVELOPE, b"x" * 3_000_000)


def test_an_aborted_stream_leaves_nothing(spool: Spool, tmp_path: Path) -> None:
    stream = spool.open_stream(ENVELOPE)
    stream.write(RAW)
    stream.abort()
    stream.abort()
    with pytest.raises(Temporary):
        stream.write(RAW)
    assert files(tmp_path / "spool") == []


def test_abort_after_commit_changes_nothing(spool: Spool) -> None:
    stream = spool.open_stream(ENVELOPE)
    committed = stream.commit()
    stream.abort()
    committed.result()
    assert len(spool.claim(1)) == 1


# --- waiting ----------------------------------------------------------------------------------------------------------------


def test_wait_returns_at_once_when_something_lies_there(spool: Spool) -> None:
    spool.put(ENVELOPE, RAW)
    assert spool.wait(0)
    assert len(spool.claim(1)) == 1
    assert not spool.wait(0)


@pytest.mark.parametrize("putter", ["alice", "bob"])
def test_a_waiting_worker_wakes_when_a_mail_comes_through_any_process(tmp_path: Path, putter: str) -> None:
    with opened(tmp_path) as alice, opened(tmp_path, "bob") as bob, ThreadPoolExecutor(1) as threads:
        woken = threads.submit(alice.wait, 20)
        {"alice": alice, "bob": bob}[putter].put(ENVELOPE, RAW)
        assert woken.result(timeout=10)
        assert len(alice.claim(1)) == 1


def test_it_says_how_it_stands(spool: Spool, clock: Clock) -> None:
    assert (spool.waiting_count(), spool.oldest_age()) == (0, None)
    spool.put(ENVELOPE, RAW)
    clock.forward(90)
    spool.put(ENVELOPE, RAW)
    assert spool.waiting_count() == 2
    assert spool.oldest_age() == pytest.approx(90, abs=0.001)
    assert spool.free_bytes() > 0


# --- failing ----------------------------------------------------------------------------------------------------------------


def test_a_retried_mail_comes_again_after_its_delay_and_counts(spool: Spool, clock: Clock) -> None:
    spool.put(ENVELOPE, RAW)
    spool.retry(spool.claim(1)[0], 30)
    assert not spool.wait(0)
    clock.forward(29)
    assert spool.claim(1) == []
    clock.forward(2)
    assert [entry.attempts for entry in spool.claim(1)] == [2]


def test_a_mail_put_back_has_spent_no_try(spool: Spool) -> None:
    spool.put(ENVELOPE, RAW)
    for _ in range(2 * TRIES):
        [entry] = spool.claim(1)
        assert entry.attempts == 1
        spool.put_back(entry)


def test_the_delays_grow_and_then_it_is_time_to_bury() -> None:
    assert [retry_delay(attempts) for attempts in range(1, TRIES + 1)] == [1.0, 5.0, 30.0, 120.0, None]


def test_a_mail_that_was_tried_before_is_claimed_alone(spool: Spool) -> None:
    first, second, third = (spool.put(ENVELOPE, RAW) for _ in range(3))
    entries = {entry.id: entry for entry in spool.claim(3)}
    spool.retry(entries[second], 0)
    spool.put_back(entries[first])
    spool.put_back(entries[third])
    assert [[entry.id for entry in spool.claim(10)] for _ in range(4)] == [[first], [second], [third], []]


def test_a_clock_that_was_set_back_far_does_not_hide_a_mail(spool: Spool, clock: Clock) -> None:
    spool.put(ENVELOPE, RAW)
    spool.retry(spool.claim(1)[0], 120)
    clock.forward(-365 * 86_400)
    assert len(spool.claim(1)) == 1


def test_a_buried_mail_waits_with_its_reason_and_can_be_replayed(spool: Spool) -> None:
    spool_id = spool.put(ENVELOPE, RAW)
    [entry] = spool.claim(1)
    spool.bury(entry, "the subject\nbroke it", "Traceback\n  line 1\n")
    assert spool.claim(1) == []
    [buried] = spool.buried()
    assert (buried.id, buried.envelope, buried.reason) == (spool_id, ENVELOPE, "the subject broke it")
    assert (buried.traceback, buried.read()) == ("Traceback\n  line 1\n", RAW)
    assert buried.size > len(RAW)
    assert spool.replay(spool_id)
    assert spool.buried() == []
    [again] = spool.claim(1)
    assert (again.id, again.attempts, again.read()) == (spool_id, 1, RAW)


@pytest.mark.parametrize("spool_id", ["nothing", "../new/x", "", "x.reason"])
def test_replay_of_what_is_not_buried_says_so(spool: Spool, spool_id: str) -> None:
    assert not spool.replay(spool_id)


def test_a_buried_mail_can_be_forgotten(spool: Spool, tmp_path: Path) -> None:
    spool_id = spool.put(ENVELOPE, RAW)
    spool.bury(spool.claim(1)[0], "no", "")
    spool.forget_buried(spool_id)
    assert files(tmp_path / "spool" / "buried") == []


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"no json\n", b"[]\n", b"{}\n", b'{"mail_from": 1}\n', b"\xff\n", b"[" * 99_999]
)
def test_an_unreadable_envelope_line_is_buried_with_the_reason_and_stops_nothing(
    spool: Spool, tmp_path: Path, line: bytes
) -> None:
    (tmp_path / "spool" / "new" / "00000000000000-0.0").write_bytes(line + RAW)
    good = spool.put(ENVELOPE, RAW)
    assert [entry.id for entry in spool.claim(10)] == [good]
    [buried] = spool.buried()
    assert (buried.envelope, buried.id) == (None, "00000000000000-0")
    assert "envelope" in buried.reason


def test_a_file_that_is_none_of_ours_is_left_alone(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "spool" / "new" / ".nfs0001").write_bytes(b"")
    (tmp_path / "spool" / "new" / "notes.txt").write_bytes(b"")
    assert spool.claim(10) == []
    assert spool.waiting_count() == 0


def test_a_disk_that_refuses_is_temporary_and_leaves_nothing_behind(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(Temporary, match="No space"):
            spool.put(ENVELOPE, RAW)
        with pytest.raises(Temporary, match="No space"):
            spool.open_stream(ENVELOPE)
    assert files(tmp_path / "spool") == []
    assert spool.put(ENVELOPE, RAW)


def test_a_failed_fsync_is_no_acknowledgement(spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        with pytest.raises(Temporary):
            spool.put(ENVELOPE, RAW)
    assert files(tmp_path / "spool") == []


def test_a_closed_spool_refuses_and_does_not_hang(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        waiting = [spool.put_soon(ENVELOPE, RAW) for _ in range(10)]
    assert all(future.result(timeout=0) for future in waiting)
    with pytest.raises(Temporary):
        spool.put(ENVELOPE, RAW)


# --- dying ------------------------------------------------------------------------------------------------------------------


def test_what_a_live_process_claimed_is_not_taken_back(tmp_path: Path) -> None:
    with opened(tmp_path) as alice, opened(tmp_path, "bob") as bob:
        alice.put(ENVELOPE, RAW)
        assert len(alice.claim(1)) == 1
        assert bob.take_back_dead() == 0
        assert bob.claim(1) == []


def test_what_a_dead_process_claimed_is_taken_back_and_the_attempt_counts(tmp_path: Path) -> None:
    with opened(tmp_path) as alice:
        ids = [alice.put(ENVELOPE, RAW) for _ in range(3)]
        assert len(alice.claim(10)) == 3
    with opened(tmp_path, "bob") as bob:
        assert bob.take_back_dead() == 3
        assert [[(entry.id, entry.attempts) for entry in bob.claim(10)] for _ in range(3)] == [[(i, 2)] for i in ids]
        assert not (tmp_path / "work" / "alice").exists()


def test_a_process_that_starts_again_under_its_old_name_finds_its_own_claims(tmp_path: Path) -> None:
    with opened(tmp_path) as alice:
        alice.put(ENVELOPE, RAW)
        alice.claim(1)
    with opened(tmp_path) as alice:
        assert [entry.attempts for entry in alice.claim(1)] == [2]


def test_a_second_process_of_the_same_name_may_put_but_not_claim(tmp_path: Path) -> None:
    with opened(tmp_path) as first, opened(tmp_path) as second:
        second.put(ENVELOPE, RAW)
        assert len(first.claim(1)) == 1
        with pytest.raises(Temporary, match="alice"):
            second.claim(1)


def test_two_processes_share_the_mail_and_none_is_worked_on_twice(tmp_path: Path) -> None:
    with opened(tmp_path, "alice") as alice, opened(tmp_path, "bob") as bob, ThreadPoolExecutor(2) as threads:
        for number in range(200):
            alice.put_soon(ENVELOPE, b"%d" % number)
        everything_is_there = alice.put(ENVELOPE, b"200")

        def work(spool: Spool) -> list[bytes]:
            done: list[bytes] = []
            while spool.wait(0.5):
                entries = spool.claim(7)
                done += [entry.read() for entry in entries]
                spool.done(entries)
            return done

        finished = [raw for done in threads.map(work, [alice, bob]) for raw in done]
    assert everything_is_there
    assert sorted(finished) == sorted(b"%d" % number for number in range(201))


def test_a_mail_that_kills_the_process_again_and_again_is_buried_and_the_others_get_through(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, now=clock) as spool:
        poison = spool.put(ENVELOPE, b"poison")
    for _ in range(TRIES):
        with opened(tmp_path, now=clock) as spool:
            assert [entry.id for entry in spool.claim(1)] == [poison]
            good = spool.put(ENVELOPE, b"good")
        with opened(tmp_path, "bob", now=clock) as bob:
            bob.take_back_dead()
            taken = [entry for _ in range(2) for entry in bob.claim(1)]
            assert good in [entry.id for entry in taken]
            bob.done([entry for entry in taken if entry.id == good])
            for entry in taken:
                if entry.id == poison:
                    bob.put_back(entry)
        clock.forward(200)
    with opened(tmp_path, now=clock) as spool:
        assert spool.claim(10) == []
        [buried] = spool.buried()
        assert (buried.id, buried.envelope) == (poison, ENVELOPE)
        assert "the process ended" in buried.reason


def test_leftovers_of_the_dead_are_swept_after_an_hour(tmp_path: Path) -> None:
    with opened(tmp_path) as spool:
        old, young, reason = tmp_path / "tmp" / "old", tmp_path / "tmp" / "young", tmp_path / "buried" / "gone.reason"
        for path in (old, young, reason):
            path.touch()
        an_hour_ago = datetime.now(UTC).timestamp() - LEFTOVER_SECONDS - 10
        for path in (old, reason):
            os.utime(path, (an_hour_ago, an_hour_ago))
        spool.take_back_dead()
    assert files(tmp_path) == ["tmp/young"]


PUT_THREE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from mailcrm.ingest.spool import Spool
from mailcrm.mail import Door, Envelope
now = lambda: datetime.now(UTC)
spool = Spool(Path(sys.argv[1]), "victim", now)
envelope = Envelope("a@b.test", ("c@d.test",), now(), Door.SMTP)
for number in range(3):
    print(spool.put(envelope, b"mail %d" % number), flush=True)
stream = spool.open_stream(envelope)
stream.write(b"mail 3")
print(stream.commit().result(), flush=True)
"""

WORK = """
entries = spool.claim(2)
spool.done(entries[:1])
print("done", entries[0].id, flush=True)
spool.retry(entries[1], 0)
for entry in spool.claim(1):
    spool.bury(entry, "poison", "")
spool.replay(entry.id)
"""


def run_and_die(root: Path, program: str, crash_at: str) -> list[str]:
    """The lines the program printed before the crash point killed it."""
    died = subprocess.run(
        [sys.executable, "-c", program, str(root)],
        env={**os.environ, "MAILCRM_CRASH_AT": crash_at, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert died.returncode == 137, f"{crash_at} was not reached: {died.stderr}"
    return died.stdout.split("\n")[:-1]


@pytest.mark.parametrize("nth", [1, 2, 4])
@pytest.mark.parametrize("point", ["tmp_written", "fsynced", "renamed", "dir_synced"])
def test_a_mail_whose_id_was_told_is_there_after_a_kill_at_any_point_of_put(
    tmp_path: Path, point: str, nth: int
) -> None:
    told = run_and_die(tmp_path, PUT_THREE, f"spool.{point}:{nth}")
    with opened(tmp_path) as spool:
        spool.take_back_dead()
        found = {entry.id: entry.read() for entry in spool.claim(10)}
    assert set(told) <= set(found)
    assert sorted(found.values()) == [b"mail %d" % number for number in range(len(found))]
    assert len(found) - len(told) in (0, 1)  # the last may be there without its sender knowing


@pytest.mark.parametrize("point", ["claimed", "before_done", "done", "given_back", "reason_written", "buried"])
def test_no_mail_is_lost_or_doubled_after_a_kill_at_any_point_of_the_work(tmp_path: Path, point: str) -> None:
    lines = run_and_die(tmp_path, PUT_THREE + WORK, f"spool.{point}")
    ids, done = set(lines[:4]), {line.split()[1] for line in lines[4:]}
    with opened(tmp_path) as spool:
        spool.take_back_dead()
        buried = {entry.id for entry in spool.buried()}
        waiting = [entry.id for _ in range(5) for entry in spool.claim(5)]
    assert len(waiting) == len(set(waiting))
    assert not buried & set(waiting)
    assert ids - done - buried - set(waiting) <= ({min(ids)} if point == "done" else set())


def test_a_killed_process_lets_go_of_its_claims(tmp_path: Path) -> None:
    program = PUT_THREE + "spool.claim(2); print('claimed', flush=True); sys.stdin.read()"
    victim = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert victim.stdout
    assert victim.stdin
    with victim, opened(tmp_path, "bob") as bob:
        assert [victim.stdout.readline() for _ in range(5)][-1] == "claimed\n"
        assert bob.take_back_dead() == 0
        victim.send_signal(signal.SIGKILL)
        victim.wait(timeout=10)
        assert bob.take_back_dead() == 2
        assert bob.waiting_count() == 4


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_cancelled_put_writes_nothing(tmp_path: Path) -> None:
    """The client is gone: it was told nothing and sends the mail again."""
    held = threading.Event()
    with opened(tmp_path) as spool:
        first = spool.put_soon(ENVELOPE, RAW)
        first.add_done_callback(lambda _: held.wait(10))
        second = spool.put_soon(replace(ENVELOPE, peer="gone"), RAW)
        was_cancelled = second.cancel()
        held.set()
        first.result()
    with opened(tmp_path) as spool:
        assert len(spool.claim(5)) == (1 if was_cancelled else 2)
