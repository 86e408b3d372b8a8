"""A daemon in a process of its own, so that a test may kill it and start it again.

One process imports everything, once, and forks a daemon whenever it is asked to: a start then takes a moment and not seconds.
A daemon that is not ``is_mended`` dies of a poisoned mail (``daemon_child``).
"""

import atexit
import contextlib
import importlib
import json
import logging
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from mailcrm import app, crash
from mailcrm.process import quiet_noise
from tests.daemon_child import DIED, poison
from tests.daemon_house import Clock, House, furnished_database, house_config, proven
from tests.servers import wait_until
from tests.smtp_peer import SmtpSink

log = logging.getLogger(__name__)

KILLED = 137  # by a crash point
_ROLES = ("smtp", "work", "deliver")
_ROOT = Path(__file__).parents[1]


# --- in the test's process ----------------------------------------------------------------------------------------------


class Forge:
    """Makes daemons. One line of JSON each way."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILCRM_")}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.daemon_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env={**environment, "PYTHONPATH": str(_ROOT)},
            text=True,
        )

    def ask(self, **command: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Every daemon still alive is killed."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@dataclass
class Daemon:
    """One daemon process; ``smtp`` is where it listens."""

    forge: Forge
    pid: int
    smtp: tuple[str, int] = ("", 0)
    _status: int | None = None

    @property
    def exit_status(self) -> int | None:
        """None while it lives; minus the signal that ended it."""
        if self._status is None:
            self._status = self.forge.ask(status=self.pid)
        return self._status

    def kill(self) -> None:
        """As `kill -9` does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait_for_end()

    def wait_for_end(self, timeout: float = 20) -> int:
        wait_until(lambda: self.exit_status is not None, timeout=timeout, what="the end of the daemon")
        wait_until(lambda: not _has_processes(self.pid), what="the end of the daemon's reading processes")
        assert self._status is not None
        return self._status


def _has_processes(session: int) -> bool:
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass
class MortalHouse:
    """A furnished house whose daemon runs elsewhere and dies; ``house`` is the look at it from here."""

    house: House
    forge: Forge
    database: str
    sections: dict[str, Any]
    daemons: list[Daemon] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)  # crash points of the daemons that ``hand_in`` and ``settle`` start

    def start(self, crash_at: str = "", *, is_mended: bool = False, roles: Sequence[str] = _ROLES) -> Daemon:
        """Start a daemon; returns once it answers, or is dead already because of ``crash_at``."""
        ready = self.house.config.data_dir.parent / f"ready-{len(self.daemons)}"
        spec = {
            "data_dir": str(self.house.config.data_dir),
            "sink_port": self.house.sink.port,
            "database": self.database,
            "sections": self.sections,
            "crash_at": crash_at,
            "roles": list(roles),
            "is_mended": is_mended,
            "ready": str(ready),
        }
        daemon = Daemon(self.forge, self.forge.ask(start=spec))
        self.daemons.append(daemon)
        wait_until(lambda: ready.exists() or daemon.exit_status is not None, timeout=30, what="the daemon")
        if not ready.exists():
            assert daemon.exit_status in (KILLED, DIED), self.log()
            return daemon
        if "smtp" in roles:
            host, port = json.loads(ready.read_text())
            daemon.smtp = (host, port)
            self.house.listening.smtp = daemon.smtp
        return daemon

    def log(self) -> str:
        path = self.house.config.data_dir.parent / "daemon.log"
        return path.read_text()[-4000:] if path.exists() else ""

    def later(self, by: timedelta) -> None:
        """Everybody's clock is moved, that of the running daemon too."""
        self.house.clock.move(by)
        path = _offset_path(self.house.config.data_dir)
        half = path.with_suffix(".half")
        half.write_text(str(_offset(path) + by.total_seconds()))
        half.rename(path)

    def hand_in(self, made: EmailMessage, *, is_proven: bool = False) -> None:
        """Send as a mail server does: again, after the dead daemon was started again, until it is accepted."""
        raw = proven(made) if is_proven else made.as_bytes()
        from_, to = (str(made[name]).rpartition("<")[2].rstrip(">") for name in ("From", "To"))
        for _ in range(3):
            try:
                if self.house.send(raw, from_, [to]).is_accepted:
                    return
            except (OSError, smtplib.SMTPException):
                self._start_again()
        raise AssertionError(f"not accepted: {self.log()}")

    def settle(self, *, deaths: int = 0) -> None:
        """Wait until everything has happened and so many daemons have died in all; a dead one is started again."""

        def is_over() -> bool:
            return self.daemons[-1].exit_status is not None or (
                self._death_count() >= deaths and self.house.is_settled()
            )

        while True:
            wait_until(is_over, timeout=30, what=f"a quiet house; {self.log()}")
            if self.daemons[-1].exit_status is None:
                return
            self._start_again()

    def _death_count(self) -> int:
        return sum(daemon.exit_status is not None for daemon in self.daemons)

    def _start_again(self) -> None:
        assert self.daemons[-1].wait_for_end() == KILLED, self.log()
        self.start(self.deaths.pop(0) if self.deaths else "")


def _offset_path(data_dir: Path) -> Path:
    return data_dir.parent / "clock"


def _offset(path: Path) -> float:
    try:
        return float(path.read_text())
    except FileNotFoundError:
        return 0


@contextmanager
def mortal_house(forge: Forge, sink: SmtpSink, database: str = "", **sections: Any) -> Iterator[MortalHouse]:
    """A furnished house without a daemon; those started in it are killed at the end."""
    with tempfile.TemporaryDirectory(prefix="mailcrm-") as folder:
        data_dir = Path(folder) / "data"
        if not database:
            shutil.copytree(_furnished_folder(), data_dir)
        config = house_config(data_dir, sink.port, database, **sections)
        if database:
            furnished_database(data_dir, database)
        clock = Clock()
        with app.foundation(config, clock) as base:
            made = MortalHouse(House(config, sink, clock, base, app.Listening()), forge, database, sections)
            try:
                yield made
            finally:
                for daemon in made.daemons:
                    daemon.kill()


_furnished: list[tempfile.TemporaryDirectory[str]] = []


def _furnished_folder() -> Path:
    """A data folder on SQLite with people and aliases, made once and copied."""
    if not _furnished:
        _furnished.append(tempfile.TemporaryDirectory(prefix="mailcrm-furnished-"))
        atexit.register(_furnished[0].cleanup)
        furnished_database(Path(_furnished[0].name))
    return Path(_furnished[0].name)


# --- in the process that forks ------------------------------------------------------------------------------------------


def serve() -> None:
    alive: set[int] = set()
    for line in sys.stdin:
        command = json.loads(line)
        if "start" in command:
            pid = os.fork()
            if pid == 0:
                _live(command["start"])
            alive.add(pid)
            answered: int | None = pid
        else:
            ended, status = os.waitpid(command["status"], os.WNOHANG)
            alive.discard(ended)
            answered = os.waitstatus_to_exitcode(status) if ended else None
        sys.stdout.write(json.dumps(answered) + "\n")
        sys.stdout.flush()
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def _live(spec: dict[str, Any]) -> None:
    """Be a daemon until killed; never returns."""
    os.setsid()
    output = os.open(Path(spec["data_dir"]).parent / "daemon.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for mine, theirs in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(mine, theirs)
    try:
        os.environ["MAILCRM_CRASH_AT"] = spec["crash_at"]
        importlib.reload(crash)
        if not spec["is_mended"]:
            poison()
        logging.basicConfig(level=logging.INFO, format="%(process)d %(message)s")
        quiet_noise()
        _run(spec)
        os._exit(0)
    except BaseException:
        log.exception("the daemon ended")
        os._exit(1)


def _run(spec: dict[str, Any]) -> None:
    config = house_config(Path(spec["data_dir"]), spec["sink_port"], spec["database"], **spec["sections"])
    offset = _offset_path(config.data_dir)

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=_offset(offset))

    def on_ready(listening: app.Listening) -> None:
        half = Path(spec["ready"] + ".half")
        half.write_text(json.dumps(listening.smtp))
        half.rename(spec["ready"])

    with app.sole_writer(config), app.foundation(config, now) as base:
        app.Daemon(base, frozenset(spec["roles"]), on_ready).serve()
