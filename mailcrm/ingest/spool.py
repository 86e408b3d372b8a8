"""The spool: mail that was acknowledged and not yet processed, one file each, durable before anybody hears "250".

A file holds the envelope as one JSON line, then the raw bytes of the mail. Its whole state is its place and its name:

    tmp/<id>                        being written; nobody was told that we have it
    new/<id>.<attempts>             waiting
    new/<id>.<attempts>.<time>      waiting, not to be tried before that time (Unix seconds)
    work/<process>/<id>.<attempts>  claimed by the process that holds the flock on work/<process>/lock; this attempt counted
    buried/<id>, buried/<id>.reason put aside for a human, with the reason in words

         put            claim             done
    tmp ─────▶ new ───────────────▶ work ──────▶ (gone)
                ▲  retry, put_back   │
                ├────────────────────┤  take_back_dead, when the holder of the lock is dead
                └────── buried ◀─────┘  bury
                replay

Every step is one rename within a file system, so a mail is always in exactly one place. A crash before the rename into ``new``
loses only what was never acknowledged; a crash after it repeats work and loses nothing. Whoever processes an entry must
therefore be able to do so twice. Ids sort by time, are unique across processes and safe as file names.

An instance belongs to one process. ``put`` and its kin may be called from any thread; ``claim``, ``done``, ``retry``,
``put_back``, ``bury`` and ``wait`` by the one worker thread. What the disk refuses is raised as ``Temporary``.
"""

import fcntl
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailcrm import crash
from mailcrm.ingest.spool_writer import SpoolIds, SpoolStream, SpoolWriter, disk_errors
from mailcrm.mail import Envelope, Temporary

TRIES = 5
RETRY_DELAYS = (1.0, 5.0, 30.0, 120.0)
LEFTOVER_SECONDS = 3600.0  # an open SMTP transaction writes more often than this

_UNREADABLE = (ValueError, KeyError, TypeError, RecursionError)
_SAFE = re.compile(r"[0-9A-Za-z_-]+\Z")
_POLL_SECONDS = 0.2  # how soon mail put by another process is seen
_LINE_LIMIT = 4_194_304
_CLOCK_JUMP_SECONDS = 86_400  # a time further ahead than any delay of ours: the clock was set back


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """A claimed mail. ``attempts`` includes this one."""

    id: str
    path: Path
    attempts: int
    envelope: Envelope

    def read(self) -> bytes:
        """The raw bytes of the mail."""
        with self.path.open("rb") as file:
            file.readline(_LINE_LIMIT)
            return file.read()


@dataclass(frozen=True, slots=True)
class BuriedEntry:
    """A mail put aside. ``envelope`` is None if it cannot be read."""

    id: str
    path: Path
    envelope: Envelope | None
    reason: str
    traceback: str
    buried_at: datetime
    size: int

    def read(self) -> bytes:
        """The raw bytes of the mail."""
        with self.path.open("rb") as file:
            file.readline(_LINE_LIMIT)
            return file.read()


@dataclass(frozen=True, slots=True)
class _Name:
    """What a file name in ``new`` or ``work`` says."""

    id: str
    attempts: int
    not_before: int = 0

    @staticmethod
    def parse(text: str) -> "_Name | None":
        spool_id, *numbers = text.split(".")
        if not (_SAFE.match(spool_id) and len(numbers) in (1, 2) and all(map(str.isdecimal, numbers))):
            return None
        return _Name(spool_id, int(numbers[0]), int(numbers[1]) if len(numbers) == 2 else 0)

    def __str__(self) -> str:
        return f"{self.id}.{self.attempts}" + (f".{self.not_before}" if self.not_before else "")


def retry_delay(attempts: int) -> float | None:
    """Seconds to wait after so many failed attempts; None when the mail is to be buried."""
    return RETRY_DELAYS[attempts - 1] if attempts < TRIES else None


class Spool:
    """The spool below ``root`` as seen by the process ``process_name``, a name that no other live process uses."""

    def __init__(self, root: Path, process_name: str, now: Callable[[], datetime]) -> None:
        if not _SAFE.match(process_name):
            raise ValueError(f"not usable as a folder name: {process_name!r}")
        self._now = now
        self._root = root
        self._tmp, self._new, self._work, self._buried = (root / name for name in ("tmp", "new", "work", "buried"))
        for folder in (root, self._tmp, self._new, self._work, self._buried):
            _make_private(folder)
        self._mine = self._work / process_name
        self.put_aside_count = 0  # mails buried by ``claim``, of which nobody else knows
        self._lock_fd: int | None = None
        self._backlog: deque[_Name] = deque()
        self._arrived = threading.Event()
        self._writer = SpoolWriter(self._tmp, self._new, SpoolIds(now), self._arrived.set)

    @property
    def passing(self) -> Path:
        """A private folder for files of a moment; what is left of them is swept away."""
        return self._tmp

    def close(self) -> None:
        """Make durable what was put and let go of the lock; what is still claimed goes back when somebody looks."""
        self._writer.close()
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    # --- arriving ---------------------------------------------------------------------------------------------------------

    def put(self, envelope: Envelope, raw: bytes) -> str:
        """Return the spool id once the mail is durable."""
        return self.put_soon(envelope, raw).result()

    def put_soon(self, envelope: Envelope, raw: bytes) -> "Future[str]":
        """The future holds the spool id once the mail is durable, or ``Temporary``."""
        return self._writer.put(envelope, raw)

    def open_stream(self, envelope: Envelope) -> SpoolStream:
        """For a mail too large for memory: write it piece by piece, then ``commit`` or ``abort``."""
        return self._writer.open_stream(envelope)

    # --- being worked on --------------------------------------------------------------------------------------------------

    def wait(self, timeout: float) -> bool:
        """Return True as soon as something can be claimed, False after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            self._arrived.clear()
            if self._look_for_work():
                return True
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            self._arrived.wait(min(remaining, _POLL_SECONDS))

    def claim(self, limit: int) -> list[SpoolEntry]:
        """Take up to ``limit`` entries, oldest first; an empty list if nothing is due.

        An entry that was tried before comes alone, so that a mail which kills the process spends no other mail's tries.
        """
        self._hold_my_folder()
        self._look_for_work()
        entries: list[SpoolEntry] = []
        while self._backlog and len(entries) < limit:
            if self._backlog[0].attempts and entries:
                break
            name = self._backlog.popleft()
            entry = self._claim_one(name)
            if entry is not None:
                entries.append(entry)
                if name.attempts:
                    break
        return entries

    def done(self, entries: Iterable[SpoolEntry]) -> None:
        """What these mails caused is committed; forget them. May be repeated."""
        crash.reached("spool.before_done")
        with disk_errors():
            for entry in entries:
                entry.path.unlink(missing_ok=True)
        crash.reached("spool.done")

    def retry(self, entry: SpoolEntry, delay: float) -> None:
        """Back to ``new`` for another attempt after ``delay`` seconds; this one counts."""
        self._give_back(entry.path, _Name(entry.id, entry.attempts, self._time_after(delay)))

    def put_back(self, entry: SpoolEntry, delay: float = 0.0) -> None:
        """Back to ``new``, this attempt not counted: the fault lies elsewhere, as when the database is away."""
        self._give_back(entry.path, _Name(entry.id, entry.attempts - 1, self._time_after(delay)))

    def bury(self, entry: SpoolEntry, reason: str, traceback: str = "") -> None:
        """Put the mail aside for a human, with the reason in words."""
        self._bury_file(entry.path, entry.id, reason, traceback)

    def give_back_mine(self) -> int:
        """Return to ``new`` what this process had claimed and did not finish; for a worker that lost its place."""
        return self._empty(self._mine) if self._lock_fd is not None else 0

    def take_back_dead(self) -> int:
        """Return to ``new`` what dead processes had claimed, and sweep what they left half-written; how many came back."""
        with disk_errors():
            folders = [folder for folder in self._work.iterdir() if folder.is_dir()]
            count = sum(self._take_back(folder) for folder in folders if self._lock_fd is None or folder != self._mine)
            self._sweep_leftovers()
        if count:
            self._arrived.set()
        return count

    # --- put aside --------------------------------------------------------------------------------------------------------

    def buried(self) -> list[BuriedEntry]:
        """What was put aside, oldest first."""
        paths = sorted(path for path in self._buried.iterdir() if _SAFE.match(path.name))
        return [entry for entry in map(self._read_buried, paths) if entry is not None]

    def replay(self, spool_id: str) -> bool:
        """Bring a buried mail back with all its tries; False if there is none of that id."""
        if not _SAFE.match(spool_id):
            return False
        try:
            with disk_errors():
                (self._buried / spool_id).rename(self._new / f"{spool_id}.0")
                _fsync_folder(self._new)
        except Temporary as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            raise
        self._reason_path(spool_id).unlink(missing_ok=True)
        self._arrived.set()
        return True

    def forget_buried(self, spool_id: str) -> None:
        """Remove a buried mail for good, as retention asks."""
        if _SAFE.match(spool_id):
            (self._buried / spool_id).unlink(missing_ok=True)
            self._reason_path(spool_id).unlink(missing_ok=True)

    # --- how it stands ----------------------------------------------------------------------------------------------------

    def waiting_count(self) -> int:
        """How many mails wait in ``new``, due or not."""
        return len(self._names_in_new())

    def oldest_age(self) -> float | None:
        """Seconds since the oldest waiting mail came; None if none waits."""
        oldest = min((name.id for name in self._names_in_new()), default=None)
        return None if oldest is None else max(0.0, self._now().timestamp() - int(oldest.partition("-")[0], 16) / 1e6)

    def free_bytes(self) -> int:
        """Room on the spool's disk for an ordinary user."""
        room = os.statvfs(self._root)
        return room.f_bavail * room.f_frsize

    # --- steps ------------------------------------------------------------------------------------------------------------

    def _look_for_work(self) -> bool:
        """Fill the backlog when it is used up, so that a long queue is listed once and not for each claim."""
        if not self._backlog:
            now = self._now().timestamp()
            due = [name for name in self._names_in_new() if not now < name.not_before < now + _CLOCK_JUMP_SECONDS]
            self._backlog.extend(sorted(due, key=lambda name: name.id))
        return bool(self._backlog)

    def _names_in_new(self) -> list[_Name]:
        return [name for name in map(_Name.parse, os.listdir(self._new)) if name is not None]

    def _claim_one(self, name: _Name) -> SpoolEntry | None:
        """None if another process was quicker, or if the mail had to be buried."""
        path = self._mine / f"{name.id}.{name.attempts + 1}"
        try:
            (self._new / str(name)).rename(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Temporary(f"spool: {error}") from error
        crash.reached("spool.claimed")
        if name.attempts >= TRIES:
            self._put_aside(path, name.id, f"tried {name.attempts} times; each time the process ended in the middle")
            return None
        try:
            return SpoolEntry(name.id, path, name.attempts + 1, _read_envelope(path))
        except _UNREADABLE as error:
            self._put_aside(path, name.id, f"the envelope line cannot be read: {error!r}")
            return None

    def _put_aside(self, path: Path, spool_id: str, reason: str) -> None:
        self._bury_file(path, spool_id, reason, "")
        self.put_aside_count += 1

    def _time_after(self, delay: float) -> int:
        return int(self._now().timestamp() + delay + 0.999) if delay > 0 else 0

    def _give_back(self, path: Path, name: _Name) -> None:
        with disk_errors():
            path.rename(self._new / str(name))
        crash.reached("spool.given_back")

    def _bury_file(self, path: Path, spool_id: str, reason: str, traceback: str) -> None:
        """The reason first: a reason without a mail is swept, a mail without a reason would be a riddle."""
        words = " ".join(reason.split())
        with disk_errors():
            half = self._tmp / f"{spool_id}.reason"
            half.write_text(f"{words}\n\n{traceback}", "utf-8", "backslashreplace")
            half.chmod(0o600)
            _fsync_file(half)
            half.rename(self._reason_path(spool_id))
            crash.reached("spool.reason_written")
            path.rename(self._buried / spool_id)
            _fsync_folder(self._buried)
        crash.reached("spool.buried")

    def _reason_path(self, spool_id: str) -> Path:
        return self._buried / f"{spool_id}.reason"

    def _read_buried(self, path: Path) -> BuriedEntry | None:
        try:
            stat = path.stat()
            envelope = _readable_envelope(path)
        except FileNotFoundError:  # replayed meanwhile
            return None
        reason, _, traceback = _read_text(self._reason_path(path.name)).partition("\n\n")
        when = datetime.fromtimestamp(stat.st_ctime, UTC)  # the rename that buried it
        return BuriedEntry(path.name, path, envelope, reason or "the reason is missing", traceback, when, stat.st_size)

    def _hold_my_folder(self) -> None:
        if self._lock_fd is not None:
            return
        for _ in range(100):  # for a moment somebody may hold it who takes back what a namesake left
            self._lock_fd = _lock_folder(self._mine)
            if self._lock_fd is not None:
                self._empty(self._mine)
                return
            threading.Event().wait(0.02)
        raise Temporary(f"another process works under the name {self._mine.name!r}")

    def _take_back(self, folder: Path) -> int:
        fd = _lock_folder(folder)
        if fd is None:
            return 0
        try:
            count = self._empty(folder)
            (folder / "lock").unlink(missing_ok=True)  # while we hold it: see _lock_folder
            try:
                folder.rmdir()
            except OSError:  # a new process of that name is already at home
                return count
            return count
        finally:
            os.close(fd)

    def _empty(self, folder: Path) -> int:
        """Whoever was tried twice or more waits a little, so that a mail which kills the process lets others pass."""
        names = [name for name in map(_Name.parse, os.listdir(folder)) if name is not None]
        for name in names:
            delay = (retry_delay(name.attempts) or 0.0) if name.attempts > 1 else 0.0
            self._give_back(folder / str(name), _Name(name.id, name.attempts, self._time_after(delay)))
        return len(names)

    def _sweep_leftovers(self) -> None:
        """Half-written files nobody got an answer for, and reasons whose mail never followed."""
        lonely = (path for path in self._buried.glob("*.reason") if not path.with_suffix("").exists())
        for path in (*self._tmp.iterdir(), *lonely):
            try:
                if path.stat().st_mtime < time.time() - LEFTOVER_SECONDS:
                    path.unlink()
            except FileNotFoundError:
                continue


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _lock_folder(folder: Path) -> int | None:
    """Hold work/<process>/lock: the descriptor, or None if a live process holds it.

    The file may be removed by whoever held it before us; a lock on a removed file is worth nothing, hence the comparison.
    """
    while True:
        _make_private(folder)
        try:
            fd = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except FileNotFoundError:  # the folder was removed just now
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(folder / "lock")):
                return fd
        except BlockingIOError:
            os.close(fd)
            return None
        except FileNotFoundError:
            pass
        os.close(fd)


def _read_envelope(path: Path) -> Envelope:
    with path.open("rb") as file:
        return Envelope.from_json(file.readline(_LINE_LIMIT))


def _readable_envelope(path: Path) -> Envelope | None:
    try:
        return _read_envelope(path)
    except _UNREADABLE:
        return None


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _fsync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _fsync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
