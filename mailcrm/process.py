"""What this process is called, its clock, and what it keeps out of its log."""

import logging
import os
import re
import socket
from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)


def process_name() -> str:
    """Names this process in the spool: unique on this machine while it lives, and safe as the name of a folder."""
    return re.sub(r"[^0-9A-Za-z_-]", "-", f"{socket.gethostname()[:30]}-{os.getpid()}")


def node_name() -> str:
    """Names this node in the outbox: the same after a restart, so that a restart frees its own claims."""
    return socket.gethostname()[:50]


def quiet_noise() -> None:
    """Libraries that log what a stranger's mail holds, or every tick, say only what matters."""
    for name in ("apscheduler", "mail.log", "uvicorn", "asyncio", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("mailparser", "flufl.bounce"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
