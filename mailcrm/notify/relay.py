"""The SMTP peer that our mail is handed to, over smtplib; every reply is sorted into sent, deferred or failed here, once.

A connection is kept for up to 100 mails or 30 seconds without one, and reset before it is used again. Every wait has a limit. A
connection lost after the content was sent is "deferred": the mail may have arrived and is repeated with the same bytes.
"""

import re
import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailcrm.mail import Permanent, Temporary

MAX_MAILS = 100
MAX_IDLE_SECONDS = 30
_ENHANCED = re.compile(r"\A([245]\.\d{1,3}\.\d{1,3})\s+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the peer said to one recipient."""

    state: str  # sent, deferred, failed
    code: str
    text: str


class Relay(Protocol):
    """Takes one mail at a time. Raises Temporary where nobody can be reached, Permanent where the mail can never be handed over."""

    def send(self, mail_from: str, rcpt_to: Sequence[str], raw: bytes) -> dict[str, Answer]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RelaySettings:
    host: str
    port: int
    tls: str = "none"  # none, starttls, tls
    user: str = ""
    password: str = ""
    timeout: float = 60
    hello: str = ""
    ca_file: str = ""  # for a certificate of your own authority


class SmtpRelay:
    """One connection to the relay, opened when first needed. Not for several threads at a time."""

    def __init__(self, settings: RelaySettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._smtp: smtplib.SMTP | None = None
        self._mail_count = 0
        self._used_at = 0.0

    def send(self, mail_from: str, rcpt_to: Sequence[str], raw: bytes) -> dict[str, Answer]:
        """Hand over one mail; what became of each recipient."""
        try:
            smtp = self._connected()
            answers = _transact(smtp, mail_from, rcpt_to, raw)
        except (smtplib.SMTPException, OSError, UnicodeError) as e:
            self.close()
            raise _sorted(e) from e
        self._mail_count += 1
        self._used_at = self._clock()
        return answers

    def close(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()

    def _connected(self) -> smtplib.SMTP:
        is_old = self._mail_count >= MAX_MAILS or self._clock() - self._used_at > MAX_IDLE_SECONDS
        if self._smtp is not None and not is_old:
            try:
                if self._smtp.rset()[0] == 250:
                    return self._smtp
            except smtplib.SMTPException:
                pass  # it went away meanwhile: nothing was sent on it, so a new one is safe
        self.close()
        self._smtp = self._opened()
        self._mail_count, self._used_at = 0, self._clock()
        return self._smtp

    def _opened(self) -> smtplib.SMTP:
        s = self._settings
        hello = s.hello or None
        if s.tls == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                s.host, s.port, hello, timeout=s.timeout, context=_trusting(s.ca_file)
            )
        else:
            smtp = smtplib.SMTP(s.host, s.port, hello, timeout=s.timeout)
        try:
            if s.tls == "starttls":
                smtp.starttls(context=_trusting(s.ca_file))
            smtp.ehlo_or_helo_if_needed()
            if s.user:
                smtp.login(s.user, s.password)
        except BaseException:
            smtp.close()
            raise
        return smtp


def _trusting(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or None)


def _transact(smtp: smtplib.SMTP, mail_from: str, rcpt_to: Sequence[str], raw: bytes) -> dict[str, Answer]:
    options = [f"size={len(raw)}"] if smtp.has_extn("size") else []
    if not all(address.isascii() for address in (mail_from, *rcpt_to)):
        if not smtp.has_extn("smtputf8"):
            raise Permanent("5.6.7", "The relay cannot take addresses with letters beyond ASCII")
        smtp.command_encoding = "utf-8"
        options.append("SMTPUTF8")
    code, text = smtp.mail(mail_from, options)
    if code != 250:
        return dict.fromkeys(rcpt_to, _answer(code, text))
    answers = {address: _answer(*smtp.rcpt(address)) for address in rcpt_to}
    taken = [address for address, answer in answers.items() if answer.state == "sent"]
    if taken:
        end = _data(smtp, raw)
        answers |= dict.fromkeys(taken, end)
    return answers


def _data(smtp: smtplib.SMTP, raw: bytes) -> Answer:
    try:
        return _answer(*smtp.data(raw))
    except smtplib.SMTPDataError as e:  # the answer to DATA itself
        return _answer(e.smtp_code, e.smtp_error)


def _answer(code: int, said: bytes | str) -> Answer:
    text = (said.decode("utf-8", "replace") if isinstance(said, bytes) else said).replace("\0", "")
    text = " ".join(_ENHANCED.sub("", line) if i else line for i, line in enumerate(text.split("\n")))
    found = _ENHANCED.match(text)
    enhanced = found[1] if found else str(code)
    if code < 0:  # smtplib's word for a connection that is gone
        raise smtplib.SMTPServerDisconnected(text)
    state = "sent" if 200 <= code < 300 else "failed" if 500 <= code < 600 else "deferred"
    if code == 421:  # RFC 5321 3.8: the peer is closing the connection
        raise smtplib.SMTPServerDisconnected(f"421 {text}")
    return Answer(state, enhanced, text[found.end() if found else 0 :].strip())


def is_too_large(answer: Answer) -> bool:
    """Whether the peer refused the mail for its size."""
    return answer.state == "failed" and answer.code in ("552", "5.3.4", "523", "5.2.3")


def _sorted(error: Exception) -> Temporary | Permanent:
    """Wrong credentials and every fault of a connection may be mended without anybody losing a mail."""
    if isinstance(error, UnicodeError):
        return Permanent("5.6.7", "The address cannot be written in this SMTP session")
    return Temporary(f"the relay could not be used: {error}")
