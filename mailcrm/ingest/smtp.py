"""The SMTP door: mail comes from the network and is durable in the spool before the peer reads "250 2.0.0 queued as <id>".

``start_smtp`` opens the listener in the running event loop. What is welcome is decided in ``admission``; where data ends, in
``data``. This file holds the conversation and the limits on what a peer may occupy: connections, memory and time. A mail up to
1 MB is held in memory while it arrives; a larger one (or any, once all mails in flight use up their budget) is written to the
spool's file as it comes. Whatever goes wrong on our side is 451 without details: the peer keeps the mail and tries again.

The protocol is aiosmtpd's, with its DATA, MAIL, RCPT and EHLO replaced: those read line by line with a limit on line length,
take malformed addresses, and cost 0.6 ms of introspection per connection.
"""

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from aiosmtpd.smtp import SMTP, TLSSetupException

from mailcrm.ingest.admission import (
    BAD_RECIPIENT,
    BAD_SENDER,
    BUSY,
    TOO_LARGE,
    Admission,
    AdmissionSettings,
    parse_path,
)
from mailcrm.ingest.data import SmtpReader, Unstuffer
from mailcrm.ingest.spool import Spool
from mailcrm.ingest.spool_writer import SpoolStream
from mailcrm.mail import Door, Envelope, Temporary

log = logging.getLogger(__name__)

FAILURE = "451 4.3.0 temporary failure, try again later"
_BLOCK = 65_536  # what a connection may have unread in memory: twice this
_SPOOL_SECONDS = 60.0
_DRAIN_FACTOR = 4  # a mail this many times over the limit is not read to its end


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where to listen and what one peer, or all together, may occupy. Times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 8025
    hostname: str = "localhost"
    postmaster_domain: str = ""  # of <postmaster> without a domain; the hostname if empty
    tls_certificate: str = ""  # PEM files; without them STARTTLS is not offered
    tls_key: str = ""
    connection_limit: int = 200
    connection_limit_per_host: int = 20  # not for trusted networks
    in_flight_limit: int = 67_108_864
    stream_over: int = 1_048_576
    command_timeout: float = 300.0
    data_timeout: float = 180.0  # between two blocks of data (RFC 5321 4.5.3.2.5)
    data_total_timeout: float = 1_800.0
    error_limit: int = 50  # refused recipients before the connection is ended
    admission: AdmissionSettings = field(default_factory=AdmissionSettings)


async def start_smtp(
    settings: SmtpSettings,
    spool: Spool,
    accepts: Callable[[str], bool],
    is_known_local_part: Callable[[str], bool],
    now: Callable[[], datetime],
    connections: "Connections | None" = None,
) -> asyncio.Server:
    """Listen. ``accepts`` and ``is_known_local_part`` are described at ``Admission``; they answer at once.

    Closing the server ends the listening; ``connections.close_all()`` ends the conversations.
    """
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # below that aiosmtpd writes every address
    admission = Admission(settings.admission, accepts, is_known_local_part, spool.free_bytes)
    everybody = Connections() if connections is None else connections
    listener = _Listener(settings, spool, admission, now, everybody)
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: MailSMTP(listener, loop), settings.host, settings.port, backlog=512, reuse_address=True
    )


class Connections:
    """Who is connected, so that there is a limit, and so that all can be told good-bye."""

    def __init__(self) -> None:
        self._open: dict[MailSMTP, str] = {}
        self._per_host: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, protocol: "MailSMTP", host: str, limit: int, limit_per_host: int) -> bool:
        if len(self._open) >= limit or self._per_host[host] >= limit_per_host:
            return False
        self._open[protocol] = host
        self._per_host[host] += 1
        return True

    def leave(self, protocol: "MailSMTP") -> None:
        host = self._open.pop(protocol, None)
        if host is not None:
            self._per_host[host] -= 1
            if not self._per_host[host]:
                del self._per_host[host]

    def close_all(self) -> None:
        for protocol in list(self._open):
            protocol.end("421 4.3.2 going down, try again later")


class _Listener:
    """What all connections share."""

    def __init__(
        self,
        settings: SmtpSettings,
        spool: Spool,
        admission: Admission,
        now: Callable[[], datetime],
        connections: Connections,
    ) -> None:
        self.settings = settings
        self.spool = spool
        self.admission = admission
        self.now = now
        self.connections = connections
        self.in_flight = 0
        self.tls_context = _tls_context(settings)
        self.attributes = _attributes(settings, self.tls_context)
        size = settings.admission.size_limit
        self.extensions = ["PIPELINING", f"SIZE {size}" if size else "SIZE", "8BITMIME", "SMTPUTF8"]


def _tls_context(settings: SmtpSettings) -> ssl.SSLContext | None:
    if not settings.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate, settings.tls_key or None)
    return context


def _attributes(settings: SmtpSettings, tls_context: ssl.SSLContext | None) -> dict[str, Any]:
    """The attributes aiosmtpd's constructor sets, found once: finding them costs 0.6 ms, too much for each connection.

    Left out is what belongs to one connection: the stream, and bound methods (AUTH methods bound to the first connection would
    send their challenges to the wrong peer; there is no AUTH here).
    """
    loop = asyncio.get_running_loop()
    model = SMTP(
        object(),
        enable_SMTPUTF8=True,
        hostname=settings.hostname,
        ident="ESMTP mailcrm",
        tls_context=tls_context,
        timeout=settings.command_timeout,
        command_call_limit={"*": 100} | dict.fromkeys(("MAIL", "RCPT", "DATA", "RSET"), 1_000_000),
        loop=loop,
    )
    stream = vars(asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), lambda *_: None, loop)).keys()
    return {
        name: value for name, value in vars(model).items() if name not in stream | {"_smtp_methods", "_auth_methods"}
    }


class _CommandSizes(dict[str, int]):
    """aiosmtpd keeps a limit for each command it ever saw; a stranger must not be able to fill that."""

    def __missing__(self, command: str) -> int:
        return 2048


class MailSMTP(SMTP):
    """One connection. The ``smtp_`` methods unpack, ask ``Admission`` and answer."""

    command_size_limit = 2048
    command_size_limits = _CommandSizes()

    def __init__(self, listener: _Listener, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.StreamReaderProtocol.__init__(
            self, SmtpReader(limit=_BLOCK, loop=loop), client_connected_cb=self._cb_client_connected, loop=loop
        )
        vars(self).update(listener.attributes)
        self._auth_methods = {}
        self._smtp_methods = {name: getattr(self, f"smtp_{method}") for name, method in _COMMANDS.items()}
        self._listener = listener
        self._settings = listener.settings
        self._host = ""
        self._is_refused = False
        self._is_receiving = False
        self._error_count = 0

    # --- the connection ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._original_transport is not None:  # STARTTLS: the same connection, from the beginning (RFC 3207 4.2)
            super().connection_made(transport)
            return
        peer = transport.get_extra_info("peername")
        self._host = peer[0] if isinstance(peer, tuple) else "local"
        limit = self._settings.connection_limit
        per_host = (
            limit if self._listener.admission.is_trusted(self._host) else self._settings.connection_limit_per_host
        )
        if self._listener.connections.enter(self, self._host, limit, per_host):
            super().connection_made(transport)
            return
        self._is_refused = True
        _say_and_close(transport, "421 4.3.2 too many connections, try again later")

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.connections.leave(self)
        if not self._is_refused:
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        return False if self._is_refused else super().eof_received()

    def end(self, reply: str) -> None:
        """Say a last word and close."""
        if self.transport is not None and not self.transport.is_closing():
            _say_and_close(self.transport, reply)

    def _timeout_cb(self) -> None:
        self.end("421 4.4.2 timeout, closing connection")

    async def handle_exception(self, error: Exception) -> str:
        """Details go to the log; the peer reads a fixed sentence. Half-read data must not be taken for commands: close."""
        if isinstance(error, TLSSetupException):
            log.info("TLS could not be set up: %s", error.__cause__)
        else:
            log.error("SMTP: %s", type(error).__name__, exc_info=error)
        self._error_count += 10
        if self.transport is not None and (self._is_receiving or self._error_count > self._settings.error_limit):
            self.loop.call_soon(self.transport.close)
        return FAILURE

    # --- commands ---------------------------------------------------------------------------------------------------------

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        if not hostname:
            await self.push("501 5.5.4 EHLO hostname")
            return
        assert self.session is not None
        self._set_rset_state()  # type: ignore[no-untyped-call]
        self.session.extended_smtp = True
        self.session.host_name = hostname
        extensions = list(self._listener.extensions)
        if self.tls_context and not self._tls_protocol:
            extensions.append("STARTTLS")
        lines = [self.hostname, *extensions]
        await self.push("\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        assert self.envelope is not None
        if await self.check_helo_needed():
            return
        if self.envelope.mail_from is not None:
            await self.push("503 5.5.1 one MAIL at a time")
            return
        path = parse_path(arg[5:]) if arg and arg[:5].upper() == "FROM:" else None
        if path is None:
            await self.push(BAD_SENDER)
            return
        refusal = self._listener.admission.refuse_sender(path, self._host, self._listener.now().timestamp())
        if not refusal:
            self.envelope.mail_from = path.address
        await self.push(refusal or "250 2.1.0 OK")

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        assert self.envelope is not None
        mail_from, accepted = self.envelope.mail_from, self.envelope.rcpt_tos
        if mail_from is None:
            await self.push("503 5.5.1 MAIL first")
            return
        path = parse_path(arg[3:]) if arg and arg[:3].upper() == "TO:" else None
        refusal = BAD_RECIPIENT
        if path is not None:
            now = self._listener.now().timestamp()
            refusal = self._listener.admission.refuse_recipient(path, mail_from, len(accepted), self._host, now)
        if refusal:
            await self._refuse_recipient(refusal)
            return
        assert path is not None
        address = path.address if path.domain else f"{path.address}@{self._postmaster_domain}"
        if address not in accepted:
            accepted.append(address)
        await self.push("250 2.1.5 OK")

    async def _refuse_recipient(self, refusal: str) -> None:
        self._error_count += refusal.startswith("5")
        if self._error_count > self._settings.error_limit:
            self.end("421 4.7.0 too many errors")
            return
        await self.push(refusal)

    @property
    def _postmaster_domain(self) -> str:
        return self._settings.postmaster_domain or self._settings.hostname

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        assert self.envelope is not None
        if arg or not self.envelope.rcpt_tos:
            await self.push("501 5.5.4 DATA has no argument" if arg else "503 5.5.1 RCPT first")
            return
        if self._listener.in_flight >= self._settings.in_flight_limit:
            await self.push(BUSY)
            return
        await self.push("354 end with <CRLF>.<CRLF>")
        intake = _Intake(self._listener, self._spool_envelope())
        try:
            reply = await self._receive(intake)
        finally:
            intake.release()
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(reply)

    def _spool_envelope(self) -> Envelope:
        assert self.envelope is not None
        return Envelope(
            mail_from=self.envelope.mail_from or "",
            rcpt_to=tuple(self.envelope.rcpt_tos),
            received_at=self._listener.now(),
            door=Door.SMTP,
            peer=self._host,
            helo=_one_word(self.session.host_name if self.session else None),
        )

    async def _receive(self, intake: "_Intake") -> str:
        """Read the data to its end, whatever becomes of it, then give the answer."""
        assert isinstance(self._reader, SmtpReader)
        deadline = time.monotonic() + self._settings.data_total_timeout
        self._is_receiving = True
        async for block in self._reader.mail_data():
            self._reset_timeout(max(0.001, min(self._settings.data_timeout, deadline - time.monotonic())))
            await intake.add(block)
            if intake.is_endless:
                self.end(TOO_LARGE)
                raise asyncio.CancelledError
        self._is_receiving = False
        self._reset_timeout(self._settings.command_timeout + _SPOOL_SECONDS)
        return await intake.finish()

    async def smtp_VRFY(self, _: str | None) -> None:  # noqa: N802
        await self.push("252 2.5.0 send mail and see")

    async def smtp_HELP(self, _: str | None) -> None:  # noqa: N802
        await self.push("214 2.0.0 RFC 5321")

    async def smtp_BARE_LF(self, _: str | None) -> None:  # noqa: N802
        self.end("521 5.5.2 lines end with <CR><LF>")


def _one_word(helo: object) -> str:
    """What the client called itself, as far as it may stand in a line of ours."""
    word = str(helo or "").split(" ")[0][:255]
    return word if word.isascii() and word.isprintable() else ""


def _say_and_close(transport: asyncio.BaseTransport, reply: str) -> None:
    # Not by isinstance: uvloop's transports do what asyncio's do, and are none.
    writing = cast(asyncio.WriteTransport, transport)
    writing.write(reply.encode() + b"\r\n")
    writing.close()


# AUTH and EXPN are unknown here like any other command.
_COMMANDS = {
    name: name for name in ("HELO", "EHLO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "VRFY", "HELP", "STARTTLS")
}
_COMMANDS["BARE-LF"] = "BARE_LF"


class _Intake:
    """One mail on its way into the spool: in memory while it is small, then in the spool's file.

    Once refused, the rest is read and thrown away: the answer may come only after the end of data (RFC 5321 4.2.5).
    """

    def __init__(self, listener: _Listener, envelope: Envelope) -> None:
        self._listener = listener
        self._envelope = envelope
        self._unstuffer = Unstuffer()
        self._blocks: list[bytes] = []
        self._held = 0  # bytes in _blocks, counted in the listener's in_flight
        self._size = 0
        self._stream: SpoolStream | None = None
        self._refusal = ""

    @property
    def is_endless(self) -> bool:
        limit = self._listener.settings.admission.size_limit
        return bool(limit) and self._size > limit * _DRAIN_FACTOR

    async def add(self, block: bytes) -> None:
        data = self._unstuffer.feed(block)
        self._size += len(data)
        limit = self._listener.settings.admission.size_limit
        if limit and self._size > limit:
            self._refuse(TOO_LARGE)
        if not self._refusal:
            await self._keep(data)

    async def _keep(self, data: bytes) -> None:
        self._blocks.append(data)
        self._hold(len(data))
        settings = self._listener.settings
        if (
            self._stream is not None
            or self._held > settings.stream_over
            or self._listener.in_flight > settings.in_flight_limit
        ):
            await self._spill()

    async def _spill(self) -> None:
        try:
            if self._stream is None:
                self._stream = self._listener.spool.open_stream(self._envelope)
            await asyncio.to_thread(self._stream.write, b"".join(self._blocks))
        except Temporary as error:
            log.error("SMTP: %s", error)
            self._refuse(FAILURE)
        self._drop_blocks()

    async def finish(self) -> str:
        """The reply that says what became of the mail."""
        rest = self._unstuffer.rest()
        if self._refusal:
            return self._refusal
        await self._keep(rest)
        try:
            return f"250 2.0.0 queued as {await self._durable()}"
        except Temporary as error:
            log.error("SMTP: %s", error)
        except TimeoutError:
            log.error("SMTP: the spool did not answer within %s s", _SPOOL_SECONDS)
        return FAILURE

    async def _durable(self) -> str:
        if self._refusal:
            raise Temporary(self._refusal)
        if self._stream is not None:
            future = self._stream.commit()
        else:
            future = self._listener.spool.put_soon(self._envelope, b"".join(self._blocks))
        return await asyncio.wait_for(asyncio.wrap_future(future), _SPOOL_SECONDS)

    def release(self) -> None:
        """Give back what is held; a file that was not committed is removed."""
        self._drop_blocks()
        if self._stream is not None:
            self._stream.abort()

    def _refuse(self, reply: str) -> None:
        self._refusal = self._refusal or reply
        self.release()

    def _hold(self, count: int) -> None:
        self._held += count
        self._listener.in_flight += count

    def _drop_blocks(self) -> None:
        self._blocks.clear()
        self._hold(-self._held)
