"""One connection to one IMAP folder; the only place that knows imapclient, and where its errors are sorted.

``ConnectionLost`` (a ``Temporary``) means that the connection is of no more use; ``Permanent("NO", …)`` that the server refused
this one command. Every wait has an end: reads time out, and a watchdog shuts the socket down when a command as a whole takes
too long, which wakes whoever reads from it.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from mailcrm.mail import Permanent, Temporary


class ConnectionLost(Temporary):
    """The connection is of no more use."""


@dataclass(frozen=True, slots=True)
class ImapSettings:
    """One folder of one account. Times are in seconds."""

    name: str  # of the account, as people call it
    host: str
    user: str
    password: str
    port: int = 0  # 993 or 143
    security: str = "tls"  # tls, starttls or none
    ca_file: str = ""  # for a certificate of your own authority
    folder: str = "INBOX"
    move_to: str = ""  # a folder for what was read; empty: everything is left as it is, flags too
    address: str = ""  # the recipient of a mail whose header names none
    recipient_headers: tuple[str, ...] = ("Delivered-To", "X-Original-To", "Envelope-To")
    size_limit: int = 104_857_600
    poll_seconds: float = 60.0
    idle_seconds: float = 240.0
    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    command_timeout: float = 600.0
    reconnect_after: float = 2.0
    reconnect_after_at_most: float = 300.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a mail is before its bytes are fetched."""

    size: int
    received_at: datetime


_IDLE_SLICE = 1.0  # how soon a wish to stop is seen


class ImapMailbox:
    """An open folder. Use as a context manager; opening connects, logs in and selects."""

    def __init__(self, settings: ImapSettings) -> None:
        self._settings = settings
        with _sorted_errors():
            self._client = _connect(settings)
        try:
            with self._command():
                _log_in(self._client, settings)
                self._capabilities = set(self._client.capabilities())
                # EXAMINE when nothing is to change there, so that nothing can.
                selected = self._client.select_folder(settings.folder, readonly=not settings.move_to)
                if settings.move_to and not self._client.folder_exists(settings.move_to):
                    self._client.create_folder(settings.move_to)
                self.uidvalidity = int(selected[b"UIDVALIDITY"])
                self.uidnext = int(selected.get(b"UIDNEXT") or max([0, *self._client.search("ALL")]) + 1)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "ImapMailbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with suppress(OSError, IMAPClientError):
            self._client.shutdown()

    def interrupt(self) -> None:
        """End the connection from another thread; whoever waits on it gets ``ConnectionLost`` at once."""
        _shut_down(self._client.socket())

    def uids_after(self, uid: int) -> list[int]:
        """Rising. The server is asked afresh; "n:*" always names the last mail too (RFC 3501 6.4.8)."""
        with self._command():
            self._client.noop()
            self._take_exists()
            return sorted(found for found in self._client.search(["UID", f"{uid + 1}:*"]) if found > uid)

    def describe(self, uids: Sequence[int]) -> dict[int, Summary]:
        """What is gone is left out."""
        with self._command():
            rows = self._client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
        return {
            uid: Summary(int(row.get(b"RFC822.SIZE", 0)), _utc(row[b"INTERNALDATE"]))
            for uid, row in rows.items()
            if b"INTERNALDATE" in row
        }

    def read(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The whole mails, flags untouched; what the server does not give is left out."""
        with self._command():
            rows = self._client.fetch(uids, ["BODY.PEEK[]"])
        return {uid: row[b"BODY[]"] for uid, row in rows.items() if isinstance(row.get(b"BODY[]"), bytes)}

    def read_range(self, uid: int, start: int, length: int) -> bytes:
        """Less than ``length`` bytes only at the end."""
        with self._command():
            row: dict[bytes, Any] = self._client.fetch([uid], [f"BODY.PEEK[]<{start}.{length}>"]).get(uid, {})
        data = row.get(f"BODY[]<{start}>".encode())
        if data is None and start == 0:
            raise Permanent("NO", "the server gives no content")
        return bytes(data or b"")

    def move(self, uids: Sequence[int], folder: str) -> None:
        with self._command():
            if b"MOVE" in self._capabilities:
                self._client.move(uids, folder)
                return
            self._client.copy(uids, folder)
            self._client.add_flags(uids, [b"\\Deleted"], silent=True)
            if b"UIDPLUS" in self._capabilities:  # a plain EXPUNGE would remove what others marked, too
                self._client.uid_expunge(uids)

    def wait_for_mail(self, should_stop: Callable[[], bool]) -> None:
        """Return when there may be new mail, or when it is time to look anyway."""
        if b"IDLE" not in self._capabilities:
            _wait(self._settings.poll_seconds, should_stop)
            return
        with self._command(self._settings.idle_seconds + 2 * self._settings.read_timeout):
            self._client.idle()
            # Mail that came since the search may be announced together with the confirmation of IDLE, before or after it.
            if not self._take_exists() and not self._is_something_unread():
                self._idle(time.monotonic() + self._settings.idle_seconds, should_stop)
            self._client.idle_done()

    def _take_exists(self) -> bool:
        """Whether the server announced mail since this was last asked."""
        _, counts = self._client._imap.response("EXISTS")
        return bool(counts != [None])

    def _is_something_unread(self) -> bool:
        """imapclient waits on the socket only; what came in the packet before lies in the reader's buffer, or in TLS's."""
        sock = self._client.socket()
        sock.setblocking(False)
        try:
            return bool(self._client._imap.file.peek(1))
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        finally:
            sock.settimeout(self._settings.read_timeout)

    def _idle(self, until: float, should_stop: Callable[[], bool]) -> None:
        while not should_stop():
            started = time.monotonic()
            timeout = min(_IDLE_SLICE, until - started)
            if timeout <= 0:
                return
            responses = self._client.idle_check(timeout=timeout)
            if not responses and time.monotonic() - started < 0.9 * timeout:
                # imapclient hides the end of the connection here and would return at once for ever.
                raise ConnectionLost("the connection was lost while waiting for mail")
            if any(b"BYE" in response for response in responses):
                raise ConnectionLost("the server said BYE")
            if any(b"EXISTS" in response or b"RECENT" in response for response in responses):
                return

    @contextmanager
    def _command(self, timeout: float | None = None) -> Iterator[None]:
        watchdog = threading.Timer(timeout or self._settings.command_timeout, self.interrupt)
        watchdog.daemon = True
        watchdog.start()
        try:
            with _sorted_errors():
                yield
        finally:
            watchdog.cancel()


def _connect(settings: ImapSettings) -> IMAPClient:
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    client = IMAPClient(
        settings.host,
        settings.port or (993 if settings.security == "tls" else 143),
        ssl=settings.security == "tls",
        ssl_context=context,
        timeout=SocketTimeout(settings.connect_timeout, settings.read_timeout),
    )
    client.normalise_times = False  # otherwise INTERNALDATE would be local and without zone
    client.socket().setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    try:
        if settings.security == "starttls":
            client.starttls(context)
    except BaseException:
        with suppress(OSError):  # a failed handshake has closed the socket; its own error is the one to tell
            client.shutdown()
        raise
    return client


def _log_in(client: IMAPClient, settings: ImapSettings) -> None:
    client.login(settings.user, settings.password)


@contextmanager
def _sorted_errors() -> Iterator[None]:
    try:
        yield
    except LoginError as error:
        raise Permanent("LOGIN", str(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise Permanent("TLS", str(error)) from error
    except (IMAPClientAbortError, OSError, EOFError) as error:
        raise ConnectionLost(f"IMAP: {error or type(error).__name__}") from error
    except (IMAPClientError, ValueError, KeyError) as error:
        raise Permanent("NO", f"{error or type(error).__name__}") from error


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        # Not the method of an SSLSocket: that takes the TLS object away from the thread that is reading.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _wait(seconds: float, should_stop: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not should_stop() and time.monotonic() < until:
        threading.Event().wait(min(_IDLE_SLICE, max(0.0, until - time.monotonic())))


def _utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
