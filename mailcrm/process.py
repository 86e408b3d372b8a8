"""What this process is called, its clock, and what it keeps out of its log."""

import fcntl
import logging
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mailcrm.mail import ConfigError

_MOST_DELIVERERS = 99


def utc_now() -> datetime:
    return datetime.now(UTC)


def process_name() -> str:
    """Names this process in the spool: unique on this machine while it lives, and safe as the name of a folder."""
    return re.sub(r"[^0-9A-Za-z_-]", "-", f"{socket.gethostname()[:30]}-{os.getpid()}")


@contextmanager
def deliverer_name(data_dir: Path) -> Iterator[str]:
    """Names a deliverer in the outbox: the first name of this data folder that no live process holds, the same after a restart."""
    for number in range(1, _MOST_DELIVERERS + 1):
        with name_file(data_dir / f"deliver-{number}.lock") as name:
            if name is not None:
                yield name
                return
    raise ConfigError([f"storage.data_dir: more than {_MOST_DELIVERERS} processes deliver from {data_dir}"])


@contextmanager
def name_file(path: Path) -> Iterator[str | None]:
    """The name in a lock file while we hold the lock, made when there is none yet; None if a live process holds it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        name = os.pread(fd, 60, 0).decode("ascii", "replace")
        if not name:
            name = f"{socket.gethostname()[:40]}-{secrets.token_hex(6)}"
            os.pwrite(fd, name.encode("ascii", "replace"), 0)
        yield name
    finally:
        os.close(fd)


def quiet_noise() -> None:
    """Libraries that log what a stranger's mail holds, or every tick, say only what matters."""
    for name in ("apscheduler", "mail.log", "uvicorn", "asyncio", "alembic", "imapclient"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("mailparser", "flufl.bounce"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
