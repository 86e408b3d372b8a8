"""The IMAP door: mail is fetched from a mailbox into the spool, one thread per folder.

    connect ─▶ take what is new ─▶ wait (IDLE or poll) ─┐
       ▲  ▲           │  ▲                              │
       │  └── lost ───┘  └──────────────────────────────┘
       └── pause, growing

The cursor moves only over mails that are durable in the spool or listed in it as failed, with the reason; a listed mail
blocks nothing and is tried again a few times. At the first connection ever it starts at UIDNEXT: older mail enters by import
only. A crash between the spool and the cursor brings a mail twice, which the pipeline tells by its content.
With ``move_to`` a mail is moved after it is durable; without, the folder is opened read-only.
"""

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from mailcrm import crash
from mailcrm.ingest.envelope import envelope_from_headers
from mailcrm.ingest.imap_cursor import Cursor, Failed, cursor_path, load_cursor, save_cursor
from mailcrm.ingest.imap_mailbox import ConnectionLost, ImapMailbox, ImapSettings, Summary
from mailcrm.ingest.spool import Spool
from mailcrm.mail import Door, Envelope, Permanent, Temporary

log = logging.getLogger(__name__)

FAILED_TRIES = 5
_FAILED_AGAIN = timedelta(hours=1)
_LOST_TRIES = 3  # so often a mail may take the connection down before it is listed as failed
_GROUP = 50
_GROUP_BYTES = 4_194_304
_LARGE = 1_048_576  # fetched in pieces of this size and never whole in memory
_SPOOL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ImapState:
    """How a door stands, for the page."""

    is_connected: bool = False
    last_look_at: datetime | None = None
    taken_count: int = 0
    error: str = ""
    failed: tuple[tuple[int, Failed], ...] = ()


class ImapDoor:
    """``run`` in a thread of its own; it returns after ``stop`` or when ``stop_event`` is set."""

    def __init__(
        self,
        settings: ImapSettings,
        spool: Spool,
        cursor_dir: Path,
        stop_event: threading.Event,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._path = cursor_path(cursor_dir, settings.name, settings.folder)
        self._stop = stop_event
        self._now = now
        self._mailbox: ImapMailbox | None = None
        self._lost: Counter[int] = Counter()
        self._error_count = 0
        self.state = ImapState()

    def stop(self) -> None:
        """Ask ``run`` to return, at once even while it waits for the server."""
        self._stop.set()
        mailbox = self._mailbox
        if mailbox is not None:
            mailbox.interrupt()

    def run(self) -> None:
        """Fetch mail until stopped, whatever happens to the connection."""
        while not self._stop.is_set():
            try:
                self._connect_and_serve()
            except (Temporary, Permanent) as error:
                if not self._stop.is_set():
                    self._stop.wait(self._pause(error))
            except Exception as error:  # the door's loop: a fault of ours must not close the mailbox until a restart
                log.exception("IMAP %s stopped short and goes on", self._settings.name)
                self._stop.wait(self._pause(Temporary(f"{type(error).__name__}: {error}")))
            finally:
                self._mailbox = None
                self.state = replace(self.state, is_connected=False)

    def _connect_and_serve(self) -> None:
        with ImapMailbox(self._settings) as mailbox:
            self._mailbox = mailbox
            cursor = self._cursor_of(mailbox)
            self.state = replace(self.state, is_connected=True, error="")
            while not self._stop.is_set():
                cursor = self._look(mailbox, cursor)
                self._error_count = 0
                self.state = replace(self.state, last_look_at=self._now(), failed=tuple(cursor.failed.items()))
                mailbox.wait_for_mail(self._stop.is_set)

    def _pause(self, error: Temporary | Permanent) -> float:
        """A wrong password is not mended by asking often, but it may be mended there."""
        self._error_count += 1
        log.warning("IMAP %s: %s", self._settings.name, error)
        self.state = replace(self.state, error=str(error))
        longest = self._settings.reconnect_after_at_most
        if isinstance(error, Permanent):
            return longest
        doubled: float = self._settings.reconnect_after * 2 ** min(self._error_count - 1, 16)
        return min(longest, doubled) * random.uniform(0.5, 1)

    # --- where we are -----------------------------------------------------------------------------------------------------

    def _cursor_of(self, mailbox: ImapMailbox) -> Cursor:
        cursor = load_cursor(self._path)
        if cursor is None:
            now = self._now().replace(microsecond=0)
            return self._saved(Cursor(mailbox.uidvalidity, mailbox.uidnext - 1, started_at=now, last_seen_at=now))
        if cursor.uidvalidity != mailbox.uidvalidity:
            log.warning("IMAP %s: the folder was renumbered", self._settings.name)
            self._lost.clear()
            return self._saved(cursor.renumbered(mailbox.uidvalidity, mailbox.uidnext))
        return cursor

    def _saved(self, cursor: Cursor) -> Cursor:
        save_cursor(self._path, cursor)
        crash.reached("imap.cursor_saved")
        return cursor

    # --- taking mail ------------------------------------------------------------------------------------------------------

    def _look(self, mailbox: ImapMailbox, cursor: Cursor) -> Cursor:
        cursor = self._move(mailbox, cursor)
        uids = mailbox.uids_after(cursor.uid)
        for start in range(0, len(uids), _GROUP):
            if self._stop.is_set():
                return cursor
            cursor = self._take_group(mailbox, cursor, uids[start : start + _GROUP])
        return self._try_failed_again(mailbox, cursor)

    def _take_group(self, mailbox: ImapMailbox, cursor: Cursor, uids: Sequence[int]) -> Cursor:
        summaries = mailbox.describe(uids)
        wanted = [uid for uid in uids if uid in summaries and cursor.wants(uid, summaries[uid].received_at)]
        for part in self._parts(wanted, summaries):
            cursor = self._take_part(mailbox, cursor, part, summaries)
        newest = max((summary.received_at for summary in summaries.values()), default=cursor.last_seen_at)
        return self._saved(replace(cursor, uid=uids[-1], last_seen_at=max(cursor.last_seen_at, newest)))

    def _parts(self, uids: Sequence[int], summaries: dict[int, Summary]) -> Iterator[list[int]]:
        """What is fetched together: small mails; a large one, or one that broke the connection before, alone."""
        part: list[int] = []
        size = 0
        for uid in uids:
            is_alone = summaries[uid].size > _LARGE or uid in self._lost
            if part and (is_alone or size + summaries[uid].size > _GROUP_BYTES):
                yield part
                part, size = [], 0
            part.append(uid)
            size += summaries[uid].size
            if is_alone:
                yield part
                part, size = [], 0
        if part:
            yield part

    def _take_part(
        self, mailbox: ImapMailbox, cursor: Cursor, part: Sequence[int], summaries: dict[int, Summary]
    ) -> Cursor:
        try:
            taken, failed = self._spool_part(mailbox, part, summaries)
        except ConnectionLost as error:
            self._lost.update(part)
            if len(part) == 1 and self._lost[part[0]] >= _LOST_TRIES:
                self._saved(self._with_failed(replace(cursor, uid=part[0]), {part[0]: str(error)}))
            raise
        self.state = replace(self.state, taken_count=self.state.taken_count + len(taken))
        cursor = self._with_failed(
            replace(cursor, uid=part[-1], to_move=(*cursor.to_move, *self._movable(taken))), failed
        )
        return self._move(mailbox, self._saved(cursor))

    def _spool_part(
        self, mailbox: ImapMailbox, part: Sequence[int], summaries: dict[int, Summary]
    ) -> tuple[list[int], dict[int, str]]:
        """The mails that are durable now, and those that failed with the reason; those that are gone are neither."""
        try:
            return self._fetch_to_spool(mailbox, part, summaries)
        except Permanent as error:
            if len(part) == 1:
                return [], {part[0]: error.text}
        taken: list[int] = []
        failed: dict[int, str] = {}
        for uid in part:  # one of them is to blame
            more_taken, more_failed = self._spool_part(mailbox, [uid], summaries)
            taken += more_taken
            failed |= more_failed
        return taken, failed

    def _fetch_to_spool(
        self, mailbox: ImapMailbox, part: Sequence[int], summaries: dict[int, Summary]
    ) -> tuple[list[int], dict[int, str]]:
        if len(part) == 1 and summaries[part[0]].size > self._settings.size_limit:
            raise Permanent("SIZE", f"larger than {self._settings.size_limit} bytes")
        if len(part) == 1 and summaries[part[0]].size > _LARGE:
            _wait_durable([self._stream(mailbox, part[0], summaries[part[0]])])
            return list(part), {}
        mails = mailbox.read(part)
        _wait_durable([self._spool.put_soon(self._envelope(raw, summaries[uid]), raw) for uid, raw in mails.items()])
        crash.reached("imap.spooled")
        missing = [uid for uid in part if uid not in mails]
        still_there = mailbox.describe(missing) if missing else {}
        return list(mails), dict.fromkeys(still_there, "the server gives no content")

    def _stream(self, mailbox: ImapMailbox, uid: int, summary: Summary) -> "Future[str]":
        """The server's word on the size is not relied on: the end is where it has no more to give."""
        piece = mailbox.read_range(uid, 0, _LARGE)
        start = len(piece)
        stream = self._spool.open_stream(self._envelope(piece, summary))
        try:
            stream.write(piece)
            while len(piece) == _LARGE:
                piece = mailbox.read_range(uid, start, _LARGE)
                stream.write(piece)
                start += len(piece)
                if start > self._settings.size_limit:
                    raise Permanent("SIZE", f"larger than {self._settings.size_limit} bytes")
            return stream.commit()
        finally:
            stream.abort()

    def _envelope(self, raw: bytes, summary: Summary) -> Envelope:
        return envelope_from_headers(
            raw,
            received_at=min(summary.received_at, self._now()),
            door=Door.IMAP,
            peer=self._settings.name,
            recipient_headers=self._settings.recipient_headers,
            mailbox_address=self._settings.address,
        )

    # --- afterwards -------------------------------------------------------------------------------------------------------

    def _with_failed(self, cursor: Cursor, reasons: dict[int, str]) -> Cursor:
        for uid, reason in reasons.items():
            log.error("IMAP %s: mail %d cannot be fetched: %s", self._settings.name, uid, reason)
        entries = {uid: Failed(reason, 1, self._now() + _FAILED_AGAIN) for uid, reason in reasons.items()}
        return replace(cursor, failed=cursor.failed | entries)

    def _try_failed_again(self, mailbox: ImapMailbox, cursor: Cursor) -> Cursor:
        """The try is recorded before it is made: it may take the connection down."""
        due = [
            uid
            for uid, failed in cursor.failed.items()
            if failed.tries < FAILED_TRIES and failed.next_at <= self._now()
        ]
        for uid in due:
            before = cursor.failed[uid]
            again = replace(before, tries=before.tries + 1, next_at=self._now() + _FAILED_AGAIN * before.tries)
            cursor = self._saved(replace(cursor, failed=cursor.failed | {uid: again}))
            cursor = self._try_one_again(mailbox, cursor, uid)
        return cursor

    def _try_one_again(self, mailbox: ImapMailbox, cursor: Cursor, uid: int) -> Cursor:
        summaries = mailbox.describe([uid])
        taken, failed = self._spool_part(mailbox, [uid], summaries) if summaries else ([], {})
        if failed:
            return cursor
        remaining = {key: value for key, value in cursor.failed.items() if key != uid}
        cursor = replace(cursor, failed=remaining, to_move=(*cursor.to_move, *self._movable(taken)))
        return self._move(mailbox, self._saved(cursor))

    def _movable(self, uids: Sequence[int]) -> Sequence[int]:
        return uids if self._settings.move_to else ()

    def _move(self, mailbox: ImapMailbox, cursor: Cursor) -> Cursor:
        """Move what is marked to be moved. If the server refuses, the marks stay for the next look."""
        if not cursor.to_move or not self._settings.move_to:
            return cursor
        try:
            mailbox.move(cursor.to_move, self._settings.move_to)
        except Permanent as error:
            log.error("IMAP %s: mail cannot be moved: %s", self._settings.name, error.text)
            return cursor
        crash.reached("imap.moved")
        return self._saved(replace(cursor, to_move=()))


def _wait_durable(futures: Sequence["Future[str]"]) -> None:
    for future in futures:
        try:
            future.result(timeout=_SPOOL_SECONDS)
        except FutureTimeoutError:
            raise Temporary("the spool does not answer") from None
