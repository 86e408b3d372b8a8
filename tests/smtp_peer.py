"""An SMTP server that catches and misbehaves as told, and a client that shows every reply.

The sink is written on asyncio streams and shares nothing with the listener under test. Its faults are the ones a
sender must survive: a refusal per sender, per recipient or of the content, a slow answer, a connection lost inside the
content, and one lost after the content was taken but before the answer.
"""

import asyncio
import email
import email.policy
import re
import smtplib
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Literal

from tests.servers import LOOPBACK, free_port

_END_OF_DATA = b"\r\n.\r\n"
_PATH = re.compile(r"<([^>]*)>")


@dataclass(frozen=True)
class CaughtMail:
    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes
    at: datetime
    options: tuple[str, ...] = ()

    def parsed(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)


@dataclass
class _Faults:
    senders: dict[str, str] = field(default_factory=dict)
    recipients: dict[str, deque[str] | str] = field(default_factory=dict)
    data: deque[str | Literal["drop inside", "drop after"]] = field(default_factory=deque)
    delay: float = 0
    greeting: str | None = None


class SmtpSink:
    """Every mail caught is in `mails`, in order of arrival. Safe to call from the test's thread while it runs."""

    host = LOOPBACK

    def __init__(self) -> None:
        self.port = free_port()
        self._mails: list[CaughtMail] = []
        self._arrived = threading.Condition()
        self._faults = _Faults()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None

    # what arrived

    @property
    def mails(self) -> tuple[CaughtMail, ...]:
        with self._arrived:
            return tuple(self._mails)

    def mails_to(self, address: str) -> tuple[CaughtMail, ...]:
        return tuple(mail for mail in self.mails if address in mail.rcpt_to)

    def wait_for(self, count: int, *, to: str | None = None, timeout: float = 10) -> tuple[CaughtMail, ...]:
        """The mails caught so far, at least `count` of them; with `to`, only those for that recipient."""

        def caught() -> tuple[CaughtMail, ...]:
            return self.mails if to is None else self.mails_to(to)

        with self._arrived:
            arrived = self._arrived.wait_for(lambda: len(caught()) >= count, timeout)
        wanted = f"{count} mails" if to is None else f"{count} mails to {to}"
        assert arrived, f"{wanted} did not come within {timeout} s; caught: {[mail.rcpt_to for mail in self.mails]}"
        return caught()

    def forget(self) -> None:
        with self._arrived:
            self._mails.clear()

    # what it does wrong, from now on

    def refuse_sender(self, address: str, reply: str = "550 5.7.1 Not from you") -> None:
        self._faults.senders[address] = reply

    def refuse_recipient(
        self, address: str, reply: str = "550 5.1.1 No such user", *, times: int | None = None
    ) -> None:
        """Answer RCPT for that address so, always or `times` times."""
        self._faults.recipients[address] = reply if times is None else deque([reply] * times)

    def refuse_data(self, reply: str = "451 4.3.0 Try again", *, times: int = 1) -> None:
        """Answer so after the content, and catch nothing."""
        self._faults.data.extend([reply] * times)

    def drop_inside_data(self, *, times: int = 1) -> None:
        """Close the connection while the content is coming."""
        self._faults.data.extend(["drop inside"] * times)

    def drop_after_data(self, *, times: int = 1) -> None:
        """Catch the mail, and close the connection instead of saying so."""
        self._faults.data.extend(["drop after"] * times)

    def delay_data(self, seconds: float) -> None:
        """Answer after the content only that much later."""
        self._faults.delay = seconds

    def greet(self, reply: str) -> None:
        """Say this instead of the greeting and close, e.g. `421 4.3.2 Busy`."""
        self._faults.greeting = reply

    def behave(self) -> None:
        """Nothing wrong any more."""
        self._faults = _Faults()

    # life

    def start(self) -> None:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="smtp-sink", daemon=True)
        self._thread.start()
        assert started.wait(10), "the SMTP sink did not start"

    def stop(self) -> None:
        """Close the port and every connection; `start` opens the same port again."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        self._thread = None

    def _run(self, started: threading.Event) -> None:
        asyncio.run(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        sessions: set[asyncio.Task[None]] = set()

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            sessions.add(task)
            try:
                await _Session(reader, writer, self._faults_now, self._catch).run()
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass  # the peer went away, or the sink is stopping
            finally:
                sessions.discard(task)
                writer.transport.abort() if self._is_stopping() else writer.close()

        server = await asyncio.start_server(converse, self.host, self.port, limit=256 * 1024 * 1024, backlog=512)
        started.set()
        await self._stopping.wait()
        server.close()
        for task in list(sessions):
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def _is_stopping(self) -> bool:
        return self._stopping is not None and self._stopping.is_set()

    def _faults_now(self) -> _Faults:
        return self._faults

    def _catch(self, mail: CaughtMail) -> None:
        with self._arrived:
            self._mails.append(mail)
            self._arrived.notify_all()


class _Session:
    """One connection: RFC 5321 as far as a sender needs it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        faults: Callable[[], _Faults],
        catch: Callable[[CaughtMail], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._faults = faults
        self._catch = catch
        self._is_open = True
        self._reset()
        self._verbs: dict[str, Callable[[str], Awaitable[None]]] = {
            "EHLO": self._ehlo,
            "HELO": self._ok,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": self._ok,
            "QUIT": self._quit,
        }

    def _reset(self) -> None:
        self._mail_from: str | None = None
        self._rcpt_to: list[str] = []
        self._options: tuple[str, ...] = ()

    async def run(self) -> None:
        greeting = self._faults().greeting
        await self._say(greeting or "220 sink.test ESMTP")
        self._is_open = greeting is None
        while self._is_open:
            line = await self._reader.readline()
            if not line:
                return
            verb, _, rest = line.decode("utf-8", "surrogateescape").strip().partition(" ")
            await self._verbs.get(verb.upper(), self._unknown)(rest)

    async def _say(self, reply: str) -> None:
        self._writer.write(reply.encode() + b"\r\n")
        await self._writer.drain()

    async def _ok(self, _rest: str) -> None:
        await self._say("250 2.0.0 OK")

    async def _unknown(self, _rest: str) -> None:
        await self._say("502 5.5.1 Unknown command")

    async def _ehlo(self, _rest: str) -> None:
        extensions = ("sink.test", "PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 104857600", "ENHANCEDSTATUSCODES")
        await self._say("\r\n".join(f"250{'-' if name != extensions[-1] else ' '}{name}" for name in extensions))

    async def _rset(self, _rest: str) -> None:
        self._reset()
        await self._say("250 2.0.0 OK")

    async def _quit(self, _rest: str) -> None:
        self._is_open = False
        await self._say("221 2.0.0 Bye")

    async def _mail(self, rest: str) -> None:
        path = _PATH.search(rest)
        if path is None or self._mail_from is not None:
            await self._say("501 5.5.4 MAIL FROM:<address>, once")
            return
        refusal = self._faults().senders.get(path[1])
        if refusal is None:
            self._mail_from = path[1]
            self._options = tuple(rest[path.end() :].split())
        await self._say(refusal or "250 2.1.0 OK")

    async def _rcpt(self, rest: str) -> None:
        path = _PATH.search(rest)
        if path is None or self._mail_from is None:
            await self._say("503 5.5.1 MAIL first")
            return
        refusal = self._recipient_refusal(path[1])
        if refusal is None:
            self._rcpt_to.append(path[1])
        await self._say(refusal or "250 2.1.5 OK")

    def _recipient_refusal(self, address: str) -> str | None:
        refusal = self._faults().recipients.get(address)
        if isinstance(refusal, deque):
            return refusal.popleft() if refusal else None
        return refusal

    async def _data(self, _rest: str) -> None:
        if self._mail_from is None or not self._rcpt_to:
            await self._say("503 5.5.1 RCPT first")
            return
        faults = self._faults()
        fault = faults.data.popleft() if faults.data else None
        await self._say("354 End with a dot")
        if fault == "drop inside":
            await self._reader.read(100)
            self._drop()
            return
        raw = await self._content()
        await asyncio.sleep(faults.delay)
        if fault is None or fault == "drop after":
            self._catch(CaughtMail(self._mail_from, tuple(self._rcpt_to), raw, datetime.now(UTC), self._options))
        self._reset()
        if fault == "drop after":
            self._drop()
            return
        await self._say(fault or "250 2.0.0 Caught")

    async def _content(self) -> bytes:
        start = await self._reader.readexactly(3)
        if start == b".\r\n":
            return b""
        content = start + await self._reader.readuntil(_END_OF_DATA)
        return (b"\r\n" + content[:-3]).replace(b"\r\n.", b"\r\n")[2:]

    def _drop(self) -> None:
        self._is_open = False
        self._writer.transport.abort()


@contextmanager
def running_smtp_sink() -> Iterator[SmtpSink]:
    sink = SmtpSink()
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()


@dataclass(frozen=True)
class SmtpReply:
    code: int
    text: str


@dataclass(frozen=True)
class SmtpTransaction:
    """What a server said to one mail: to MAIL, to each RCPT, and to the content (None when it was not sent)."""

    mail: SmtpReply
    recipients: dict[str, SmtpReply]
    data: SmtpReply | None

    @property
    def is_accepted(self) -> bool:
        return self.data is not None and self.data.code == 250


def smtp_send(
    host: str, port: int, mail_from: str, rcpt_tos: Sequence[str], raw: bytes, *, timeout: float = 20
) -> SmtpTransaction:
    """Send one mail as a well-behaved sender does, and return every reply; a closed connection raises."""
    with smtplib.SMTP(host, port, local_hostname="client.test", timeout=timeout) as client:
        client.ehlo()
        return _transact(client, mail_from, rcpt_tos, raw)


def _transact(client: smtplib.SMTP, mail_from: str, rcpt_tos: Sequence[str], raw: bytes) -> SmtpTransaction:
    options = []
    if not all(address.isascii() for address in (mail_from, *rcpt_tos)):
        client.command_encoding = "utf-8"
        options.append("SMTPUTF8")
    if not raw.isascii() and client.has_extn("8bitmime"):
        options.append("BODY=8BITMIME")
    mail = _reply(client.mail(mail_from, options))
    if mail.code != 250:
        return SmtpTransaction(mail, {}, None)
    recipients = {address: _reply(client.rcpt(address)) for address in rcpt_tos}
    if not any(reply.code in (250, 251) for reply in recipients.values()):
        return SmtpTransaction(mail, recipients, None)
    try:
        data = _reply(client.data(raw))
    except smtplib.SMTPDataError as refused:  # the answer to the DATA command itself
        data = _reply((refused.smtp_code, refused.smtp_error))
    return SmtpTransaction(mail, recipients, data)


def _reply(answer: tuple[int, bytes | str]) -> SmtpReply:
    code, text = answer
    return SmtpReply(code, text if isinstance(text, str) else text.decode("utf-8", "replace"))
