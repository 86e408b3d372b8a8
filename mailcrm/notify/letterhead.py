"""What every mail of ours carries, as read from the configuration once; and the signed addresses made from it. Pure."""

import base64
import contextlib
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from mailcrm.address import loop_marker, reply_address, return_path, sign_token, unsubscribe_token
from mailcrm.config import Config
from mailcrm.mail import Address, Intent, NoticeKind
from mailcrm.notify.mime import mailboxes
from mailcrm.notify.outbox import Outgoing
from mailcrm.store.keyring import Keyring

_THREAD_ROOT = re.compile(r"lead-\d+-\d+@")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Letterhead:
    """``key`` is the secret that signs, ``key_id`` its number in the keyring."""

    company: str
    locale: str
    time_zone: str
    domain: str
    domains: tuple[str, ...]
    notify_address: str
    notify_name: str
    public_url: str
    reply_style: str
    attachment_bytes: int
    fixed_sender: str  # "" = a return-path per mail
    key_id: int
    key: bytes
    acknowledgements: Mapping[str, str]  # language -> the firm's text


def letterhead(config: Config, keyring: Keyring) -> Letterhead:
    """The letterhead of a configuration; the current key signs."""
    return Letterhead(
        company=config.company.name,
        locale=config.company.locale,
        time_zone=config.company.time_zone,
        domain=config.mail.domains[0],
        domains=tuple(config.mail.domains),
        notify_address=config.notify_address,
        notify_name=config.mail.notify_name,
        public_url=config.public_url,
        reply_style=config.mail.reply_style,
        attachment_bytes=config.notify.attachment_megabytes * 1_000_000,
        fixed_sender=config.relay.fixed_sender if config.relay.envelope_sender == "fixed" else "",
        key_id=keyring.current_id,
        key=keyring.current,
        acknowledgements=config.acknowledge.texts,
    )


def token_address(head: Letterhead, row: Outgoing, intent: Intent, alias: str = "") -> str:
    """A reply address of this row; in plus style on ``alias``, the sales address of the lead."""
    token = sign_token(row.id, intent, row.reply_nonce, head.key_id, head.key)
    local, _, domain = alias.rpartition("@")
    if head.reply_style == "plus" and local:
        return reply_address(token, domain, "plus", local)
    return reply_address(token, head.domain)


def reply_token_of(head: Letterhead, row: Outgoing, alias: str) -> str:
    """The only address of ours that a mail to the outside may show besides the sales address."""
    return token_address(head, row, Intent.REPLY, alias)


def unsubscribing(head: Letterhead, user_id: int) -> list[tuple[str, str]]:
    """The fields by which a mail client offers to leave the digest off with one click (RFC 8058), where the page has https."""
    if not head.public_url.startswith("https://"):
        return []
    url = f"{head.public_url}/unsubscribe/{unsubscribe_token(user_id, head.key_id, head.key)}"
    return [("List-Unsubscribe", f"<{url}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]


def sender_of(head: Letterhead, row: Outgoing) -> str:
    """The return-path of this row's mail; the null one for what no person wrote to a customer (RFC 3834 3.3)."""
    if row.kind == NoticeKind.ACKNOWLEDGEMENT:
        return ""
    return head.fixed_sender or return_path(row.id, row.reply_nonce, head.key, head.domain)


def marker_of(head: Letterhead, row: Outgoing) -> str:
    return loop_marker(row.id, row.reply_nonce, head.key)


def thread_root(head: Letterhead, lead_id: int, user_id: int | None) -> str:
    """The id that all notices about one lead to one user name first, so that their mail client keeps one thread."""
    return f"lead-{lead_id}-{user_id}@{head.domain}"


def thread_index(root: str) -> str:
    """The conversation of a thread root as Outlook knows it: a 22-byte header that is the same on all its mails.

    One reserved byte, five of a time (they only order; a fixed one will do) and a GUID (MS-OXOMSG 2.2.1.3).
    """
    guid = hashlib.sha256(root.encode()).digest()[:16]
    return base64.b64encode(b"\x01\xdc\x7a\x00\x00\x00" + guid).decode("ascii")


def is_thread_root(ref: str) -> bool:
    return bool(_THREAD_ROOT.match(ref))


def header_text(value: str, limit: int = 250) -> str:
    """A stranger's words made fit for a header: one line, nothing that controls."""
    value = value[: 4 * limit]
    seen = value if value.isprintable() else "".join(c if unicodedata.category(c)[0] != "C" else " " for c in value)
    return _SPACE.sub(" ", seen).strip()[:limit]


def fit_mailbox(name: str, address: str) -> tuple[str, str]:
    """Name and address for a header; the domain in ASCII where that is possible."""
    local, _, domain = header_text(address, 320).rpartition("@")
    if not domain.isascii():
        with contextlib.suppress(UnicodeError):
            domain = domain.encode("idna").decode("ascii")
    return header_text(name, 120), f"{local}@{domain}"


def mailbox(name: str, address: str) -> str:
    """One address, written for a header."""
    return mailboxes([fit_mailbox(name, address)])


def called(who: Address) -> str:
    """What to call a person where no address may stand: the name, else what stands before the @."""
    name = header_text(who.name, 100)
    if not name or "@" in name:
        name = header_text(who.address, 100).partition("@")[0]
    return name or "?"
