"""Who may hand in what at the SMTP door: addresses, domains, sizes and rates. No network, no bytes of mail.

``parse_path`` reads what stands behind MAIL FROM: and RCPT TO:. ``Admission`` answers each with a refusal, a complete SMTP reply
line, or "" for welcome. What may be over in an hour is refused with 4xx, so that nothing is lost; strangers read fixed sentences.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from mailcrm.ingest.rate import RateLimit

# RFC 5321 4.1.2, generous inside a local part (real ones hold "..", "=" and "/"), strict about whatever could hide a second
# address. A source route is read and ignored (RFC 5321 appendix C).
_PATH = re.compile(
    r"<(?:@[^\s<>:]*:)?"
    r'(?P<address>|(?:[^\s<>@"\\\x00-\x1f\x7f]+|"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*")(?:@[^\s<>@"\\\x00-\x1f\x7f]+)?)>'
    r"(?:\s+(?P<parameters>.*))?"
)
_PARAMETER = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[^\s\x00-\x1f]+))?")
_ADDRESS_LIMIT = 320  # 64 + "@" + 255 (RFC 5321 4.5.3.1)

# Of DSN and AUTH, which are not offered: some appliances send them all the same. Read and ignored.
_IGNORED = frozenset({"RET", "ENVID", "NOTIFY", "ORCPT", "AUTH", "SMTPUTF8"})

BAD_SENDER = "553 5.1.7 sender address syntax"
BAD_RECIPIENT = "553 5.1.3 recipient address syntax"
BAD_PARAMETER = "555 5.5.4 parameter not recognised"
NOT_HERE = "550 5.1.1 no such mailbox here"
TOO_LARGE = "552 5.3.4 message larger than this server accepts"
TOO_MANY_RECIPIENTS = "452 4.5.3 too many recipients"
TOO_OFTEN = "451 4.7.1 too much mail at once, try again later"
DISK_LOW = "452 4.3.1 not enough room, try again later"
BUSY = "452 4.3.1 too much mail in progress, try again later"


@dataclass(frozen=True, slots=True)
class Path:
    """A reverse-path or forward-path with its parameters (names in upper case); ``address`` is "" for ``<>``."""

    address: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def domain(self) -> str:
        """Folded for comparing: an internationalised name and its xn-- form are the same."""
        return domain_key(self.address.rpartition("@")[2]) if "@" in self.address else ""

    def parameter(self, name: str) -> str | None:
        return dict(self.parameters).get(name)


def parse_path(text: str) -> Path | None:
    """Read ``<address> NAME=value …``; None if it is malformed."""
    match = _PATH.fullmatch(text.strip())
    if match is None or len(match["address"]) > _ADDRESS_LIMIT or not match["address"].isprintable():
        return None
    parameters = []
    for word in (match["parameters"] or "").split():
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None:
            return None
        parameters.append((parameter["name"].upper(), parameter["value"] or ""))
    return Path(match["address"], tuple(parameters))


def domain_key(domain: str) -> str:
    """A domain for comparing: lower case, xn-- form, no final dot."""
    folded = domain.rstrip(".").lower()
    if folded.isascii():
        return folded
    try:
        return folded.encode("idna").decode("ascii")
    except UnicodeError:
        return folded


def source_network(host: str) -> str:
    """The /24 or /64 an address belongs to; whoever sends spam from one host has its neighbours too."""
    address = _ip(host)
    if address is None:
        return host
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """Hourly limits, 0 for none. ``trusted`` networks are our own relays: no limit per source, but every other one."""

    size_limit: int = 52_428_800
    recipient_limit: int = 100  # at least 100 (RFC 5321 4.5.3.1.8)
    min_free_bytes: int = 268_435_456
    per_source_hour: int = 1_000
    per_sender_domain_hour: int = 2_000
    unknown_local_part_hour: int = 500
    unknown_local_part_per_source_hour: int = 100
    null_path_unknown_hour: int = 200
    trusted: tuple[str, ...] = ("127.0.0.0/8", "::1/128")


class Admission:
    """The rules at the door.

    ``accepts(domain)`` says whether a domain (as ``domain_key`` folds it) is ours. ``is_known_local_part(address)`` says whether
    we ever gave out that address; it answers from memory, and True when it cannot tell. ``free_bytes`` is the room on the disk.
    """

    def __init__(
        self,
        settings: AdmissionSettings,
        accepts: Callable[[str], bool],
        is_known_local_part: Callable[[str], bool],
        free_bytes: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._accepts = accepts
        self._is_known = is_known_local_part
        self._free_bytes = free_bytes
        self._trusted = [ipaddress.ip_network(network) for network in settings.trusted]
        self._per_source = RateLimit(settings.per_source_hour)
        self._per_sender_domain = RateLimit(settings.per_sender_domain_hour)
        self._unknown = RateLimit(settings.unknown_local_part_hour)
        self._unknown_per_source = RateLimit(settings.unknown_local_part_per_source_hour)
        self._null_path_unknown = RateLimit(settings.null_path_unknown_hour)

    def is_trusted(self, host: str) -> bool:
        address = _ip(host)
        return address is not None and any(address in network for network in self._trusted)

    def refuse_sender(self, path: Path, host: str, now: float) -> str:
        """The refusal of a MAIL command, or ""."""
        if path.address and not path.domain:
            return BAD_SENDER
        refusal = self._refuse_parameters(path)
        if refusal:
            return refusal
        if self._free_bytes() < self._settings.min_free_bytes + int(path.parameter("SIZE") or 0):
            return DISK_LOW
        if not self.is_trusted(host) and not self._per_source.allow(source_network(host), now):
            return TOO_OFTEN
        if path.domain and not self._per_sender_domain.allow(path.domain, now):
            return TOO_OFTEN
        return ""

    def _refuse_parameters(self, path: Path) -> str:
        for name, value in path.parameters:
            if name == "SIZE":
                if not (value.isascii() and value.isdecimal() and len(value) <= 20):
                    return "501 5.5.4 SIZE is a number"
                if int(value) > self._settings.size_limit:
                    return TOO_LARGE
            elif name == "BODY":
                if value.upper() not in ("7BIT", "8BITMIME"):
                    return "501 5.5.4 BODY is 7BIT or 8BITMIME"
            elif name not in _IGNORED:
                return BAD_PARAMETER
        return ""

    def refuse_recipient(self, path: Path, mail_from: str, count: int, host: str, now: float) -> str:
        """The refusal of a RCPT command, or ""; ``count`` recipients were accepted before it."""
        if not path.address:
            return BAD_RECIPIENT
        if any(name not in _IGNORED for name, _ in path.parameters):
            return BAD_PARAMETER
        if not path.domain and path.address.lower() != "postmaster":  # RFC 5321 4.5.1
            return BAD_RECIPIENT
        if path.domain and not self._accepts(path.domain):
            return NOT_HERE
        if count >= self._settings.recipient_limit:
            return TOO_MANY_RECIPIENTS
        if path.domain and not self._is_known(path.address):
            return self._refuse_unknown(path, mail_from, host, now)
        return ""

    def _refuse_unknown(self, path: Path, mail_from: str, host: str, now: float) -> str:
        """A catch-all invites guessing. Mail to what we never gave out is accepted, within limits that no source escapes."""
        if not mail_from:
            return "" if self._null_path_unknown.allow(path.domain, now) else TOO_OFTEN
        if not self.is_trusted(host) and not self._unknown_per_source.allow(source_network(host), now):
            return TOO_OFTEN
        return "" if self._unknown.allow(path.domain, now) else TOO_OFTEN
