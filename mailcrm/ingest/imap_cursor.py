"""How far an IMAP folder was read: a JSON file per account and folder, replaced in one step, durable when ``save`` returns.

A mail counts as read when it is durable in the spool or listed here as failed. UIDs mean something only together with their
UIDVALIDITY (RFC 3501 2.3.1.1).
"""

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from mailcrm.mail import Temporary

RESCAN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Failed:
    """A mail that could not be fetched; it is tried again at ``next_at`` while ``tries`` lasts."""

    reason: str
    tries: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """``uid`` is the last one read. Up to ``rescan_to_uid`` only mail since ``rescan_since`` is wanted."""

    uidvalidity: int
    uid: int
    started_at: datetime  # in whole seconds, like INTERNALDATE
    last_seen_at: datetime  # the newest INTERNALDATE read
    rescan_to_uid: int = 0
    rescan_since: datetime | None = None
    to_move: tuple[int, ...] = ()
    failed: dict[int, Failed] = field(default_factory=dict)

    def wants(self, uid: int, received_at: datetime) -> bool:
        return uid > self.rescan_to_uid or self.rescan_since is None or received_at >= self.rescan_since

    def renumbered(self, uidvalidity: int, uidnext: int) -> "Cursor":
        """All UIDs are new: start again, but with what came in the last week only, and never from before our time."""
        since = max(self.last_seen_at - RESCAN, self.started_at)
        return replace(
            self, uidvalidity=uidvalidity, uid=0, rescan_to_uid=uidnext - 1, rescan_since=since, to_move=(), failed={}
        )


def cursor_path(folder: Path, account: str, mailbox: str) -> Path:
    """A readable name, made unique by a hash."""
    key = f"{account}\0{mailbox}"
    words = re.sub(r"[^0-9A-Za-z]+", "-", f"{account} {mailbox}").strip("-")[:60]
    return folder / f"{words}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.json"


def load_cursor(path: Path) -> Cursor | None:
    """None if the folder was never read. A damaged file is an error: to begin anew would skip mail without a word."""
    try:
        data = json.loads(path.read_text("utf-8"))
        moment = datetime.fromisoformat
        return Cursor(
            uidvalidity=data["uidvalidity"],
            uid=data["uid"],
            started_at=moment(data["started_at"]),
            last_seen_at=moment(data["last_seen_at"]),
            rescan_to_uid=data["rescan_to_uid"],
            rescan_since=moment(data["rescan_since"]) if data["rescan_since"] else None,
            to_move=tuple(data["to_move"]),
            failed={
                int(uid): Failed(failed["reason"], failed["tries"], moment(failed["next_at"]))
                for uid, failed in data["failed"].items()
            },
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Temporary(f"{path} cannot be read: {error!r}") from error


def save_cursor(path: Path, cursor: Cursor) -> None:
    text = json.dumps(asdict(cursor), indent=1, default=datetime.isoformat)
    half = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(half, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Temporary(f"{path}: {error}") from error
