"""DNS for proofs: with a time limit for a question and for all questions of a mail, and a bounded memory that heeds TTLs.

``Resolver`` belongs to the process and may be asked by many threads; ``Lookup`` belongs to one mail. What is not there is an empty
answer, what cannot be found out now is ``DnsTrouble``. A question that found no answer in time is not asked again for a minute, so
that a silent name server holds up few mails.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

from mailcrm.mail import Temporary

_MOST_ANSWERS = 1_000
_LONGEST_TTL = 3_600.0  # a key that was withdrawn is not believed for longer
_MOST_TROUBLES = 1_000
_TROUBLE_SECONDS = 60.0
_MOST_QUESTIONS = 60  # of one mail; SPF alone may ask ten times ten
_UDP_SIZE = 1232
_MOST_RECORDS = 100


class DnsTrouble(Temporary):
    """No answer in time, or none of the servers could give one."""


@dataclass(frozen=True, slots=True)
class ResolverSettings:
    """``servers`` as "192.0.2.1", "192.0.2.1:5353" or "[2001:db8::1]:53"; none: those of this machine. Times in seconds."""

    servers: tuple[str, ...] = ()
    question_seconds: float = 1.5
    mail_seconds: float = 4.0


class _Answers(dns.resolver.LRUCache):
    """dnspython's memory of answers, with a limit on how long one is kept."""

    def put(self, key: Any, value: Any) -> None:
        value.expiration = min(value.expiration, time.time() + _LONGEST_TTL)
        super().put(key, value)


class Resolver:
    """Asks the name servers, and remembers."""

    def __init__(self, settings: ResolverSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._troubles: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._resolver = _resolver(settings)

    def lookup(self) -> "Lookup":
        """For the questions of one mail; its time begins now."""
        return Lookup(self, time.monotonic() + self.settings.mail_seconds)

    def ask(self, name: str, kind: str, seconds: float) -> tuple[Any, ...]:
        """The records of this kind, aliases followed; () if there are none."""
        self._remember_trouble_of(name, kind)
        if self._resolver is None:
            raise DnsTrouble("this machine names no name server")
        try:
            answer = self._resolver.resolve(name, kind, lifetime=seconds, search=False, raise_on_no_answer=False)
        except (dns.resolver.NXDOMAIN, dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel):
            return ()
        except (dns.exception.DNSException, OSError, UnicodeError) as e:
            self._note_trouble(name, kind)
            raise DnsTrouble(f"{kind} {name}: {type(e).__name__}") from e
        return tuple(answer.rrset or ())[:_MOST_RECORDS]

    def _remember_trouble_of(self, name: str, kind: str) -> None:
        with self._lock:
            until = self._troubles.get((name, kind), 0.0)
        if time.monotonic() < until:
            raise DnsTrouble(f"{kind} {name}: no answer a moment ago")

    def _note_trouble(self, name: str, kind: str) -> None:
        with self._lock:
            self._troubles[name, kind] = time.monotonic() + _TROUBLE_SECONDS
            self._troubles.move_to_end((name, kind))
            while len(self._troubles) > _MOST_TROUBLES:
                self._troubles.popitem(last=False)


def _resolver(settings: ResolverSettings) -> dns.resolver.Resolver | None:
    try:
        made = dns.resolver.Resolver(configure=not settings.servers)
    except dns.resolver.NoResolverConfiguration:
        return None
    if settings.servers:
        made.nameservers = [dns.nameserver.Do53Nameserver(*server_of(text)) for text in settings.servers]
    made.timeout = settings.question_seconds / 2  # of one try: the next server, or the same again, gets a chance
    made.cache = _Answers(_MOST_ANSWERS)
    made.use_edns(0, 0, _UDP_SIZE)
    return made


def server_of(text: str) -> tuple[str, int]:
    """Address and port of a name server as configured."""
    host, colon, port = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1], 53
    if colon and port.isdecimal() and (text.startswith("[") or ":" not in host):
        return host.strip("[]"), int(port)
    return text, 53


class Lookup:
    """The questions of one mail; together they take no longer than is allowed for a mail."""

    def __init__(self, resolver: Resolver, deadline: float) -> None:
        self._resolver = resolver
        self._deadline = deadline
        self._count = 0

    def txt(self, name: str) -> tuple[bytes, ...]:
        """Each record as one string of bytes."""
        return tuple(b"".join(record.strings) for record in self._ask(name, "TXT"))

    def addresses(self, name: str, kind: str) -> tuple[str, ...]:
        """IP addresses: ``kind`` is A or AAAA."""
        return tuple(str(record.address) for record in self._ask(name, kind))

    def mail_exchangers(self, name: str) -> tuple[tuple[int, str], ...]:
        return tuple((record.preference, record.exchange.to_text(True)) for record in self._ask(name, "MX"))

    def pointers(self, name: str) -> tuple[str, ...]:
        return tuple(record.target.to_text(True) for record in self._ask(name, "PTR"))

    def _ask(self, name: str, kind: str) -> tuple[Any, ...]:
        remaining = self._deadline - time.monotonic()
        self._count += 1
        if remaining <= 0 or self._count > _MOST_QUESTIONS:
            raise DnsTrouble(f"{kind} {name}: too many questions, or no time left")
        seconds = min(remaining, self._resolver.settings.question_seconds)
        return self._resolver.ask(name.rstrip(".").lower() + ".", kind, seconds)
