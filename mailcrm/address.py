"""Addresses: the key of an address, and the signed local parts that we issue; standard library only.

Two kinds of address are ours by signature (DESIGN section 4):

* a **reply address** ``<prefix><token>@domain`` or ``sales+<token>@domain``; the token is 26 characters of lower-case base32 of
  (key id, intent, outbox id) and the first 80 bits of HMAC-SHA-256 over these and the outbox row's ``reply_nonce``;
* a **return-path** ``b<outbox id>.<mac>@domain``.

A claim read from an address proves nothing until ``verify_*`` has compared it with the secret nonce of the row it names.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailcrm.mail import Intent

TOKEN_PREFIX = "r"
LONGEST_ADDRESS = 320  # 64 + "@" + 255 (RFC 5321 4.5.3.1); a longer one cannot be written to, nor kept
_INTENTS = (Intent.REPLY, Intent.NOTE, Intent.UNDO, Intent.DIGEST, Intent.DECIDE, Intent.CONFIRM)
_TOKEN = re.compile(r"[a-z2-7]{26}\Z")
_RETURN_PATH = re.compile(r"b([1-9][0-9]{0,12})\.([a-z2-7]{12})\Z")
_MAC_BYTES = 10  # 80 bits


def address_key(address: str) -> str:
    """The address as compared everywhere: local part casefolded, domain in ASCII lower case; "" if it is no address."""
    local, at, domain = address.strip().rpartition("@")
    if not at or not local or not domain:
        return ""
    key = f"{local.casefold()}@{domain_key(domain)}"
    return key if len(key) <= LONGEST_ADDRESS else ""


def domain_key(domain: str) -> str:
    """The domain in lower-case ASCII (IDNA 2003); one that cannot be encoded is only lower-cased."""
    lowered = domain.strip().rstrip(".").lower()
    if lowered.isascii():
        return lowered
    try:
        return lowered.encode("idna").decode("ascii")
    except UnicodeError:
        return lowered


def local_part(address: str) -> str:
    """What stands before the last @, in lower case."""
    return address.rpartition("@")[0].casefold()


# --- reply tokens -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TokenClaim:
    """What a token address says about itself; worth nothing before ``verify_token``."""

    outbox_id: int
    intent: Intent
    key_id: int
    mac: bytes
    address: str


def sign_token(outbox_id: int, intent: Intent, nonce: bytes, key_id: int, key: bytes) -> str:
    """The 26 characters of a token. ``key_id`` is 0 to 15, ``outbox_id`` under 2**40."""
    head = _token_head(outbox_id, intent, key_id)
    return base64.b32encode(head + _token_mac(head, nonce, key)).decode("ascii").rstrip("=").lower()


def reply_address(token: str, domain: str, style: str = "plain", alias_local: str = "") -> str:
    """A printable reply address: ``plain`` at a catch-all domain, or ``plus`` on an alias (``sales+<token>``).

    An alias too long for 36 characters in all falls back to plain.
    """
    if style == "plus" and alias_local and len(alias_local) + 1 + len(token) <= 36:
        return f"{alias_local}+{token}@{domain}"
    return f"{TOKEN_PREFIX}{token}@{domain}"


def read_token(address: str) -> TokenClaim | None:
    """The claim of a token address in either style, or None. Case does not matter: some servers change it."""
    local = local_part(address)
    token = local.rpartition("+")[2] if "+" in local else local.removeprefix(TOKEN_PREFIX)
    if "+" not in local and not local.startswith(TOKEN_PREFIX):
        return None
    if not _TOKEN.match(token):
        return None
    data = base64.b32decode(token.upper() + "======")
    intent = data[0] & 0x0F
    if intent >= len(_INTENTS):
        return None
    return TokenClaim(int.from_bytes(data[1:6], "big"), _INTENTS[intent], data[0] >> 4, data[6:16], address)


def verify_token(claim: TokenClaim, nonce: bytes, keys: Mapping[int, bytes]) -> bool:
    """Whether we issued this token for that row; constant time in the signature."""
    key = keys.get(claim.key_id)
    if key is None:
        return False
    expected = _token_mac(_token_head(claim.outbox_id, claim.intent, claim.key_id), nonce, key)
    return hmac.compare_digest(expected, claim.mac)


def looks_like_token(text: str) -> bool:
    """Whether a local part has the shape of a reply token (signature not looked at)."""
    return read_token(f"{text}@x") is not None


def _token_head(outbox_id: int, intent: Intent, key_id: int) -> bytes:
    if not 0 <= key_id <= 15:
        raise ValueError(f"key id {key_id} is not between 0 and 15")
    return bytes([(key_id << 4) | _INTENTS.index(intent)]) + outbox_id.to_bytes(5, "big")


def _token_mac(head: bytes, nonce: bytes, key: bytes) -> bytes:
    return hmac.new(key, b"reply-token\0" + head + nonce, hashlib.sha256).digest()[:_MAC_BYTES]


# --- leaving the digest off ----------------------------------------------------------------------------------------------

_DIGEST = b"unsubscribe\0digest\0"


def unsubscribe_token(user_id: int, key_id: int, key: bytes) -> str:
    """The 26 characters that turn this user's digest off, and do nothing else."""
    head = bytes([key_id << 4]) + user_id.to_bytes(5, "big")
    return base64.b32encode(head + _unsubscribe_mac(head, key)).decode("ascii").rstrip("=").lower()


def read_unsubscribe(token: str, keys: Mapping[int, bytes]) -> int | None:
    """The user of a token of ours, None for any other; constant time in the signature."""
    if not _TOKEN.match(token):
        return None
    data = base64.b32decode(token.upper() + "======")
    key = keys.get(data[0] >> 4)
    is_ours = key is not None and hmac.compare_digest(_unsubscribe_mac(data[:6], key), data[6:])
    return int.from_bytes(data[1:6], "big") if is_ours else None


def _unsubscribe_mac(head: bytes, key: bytes) -> bytes:
    return hmac.new(key, _DIGEST + head, hashlib.sha256).digest()[:_MAC_BYTES]


# --- return-paths (VERP) ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReturnPathClaim:
    """What a return-path address of ours says about itself; worth nothing before ``verify_return_path``."""

    outbox_id: int
    mac: str


def return_path(outbox_id: int, nonce: bytes, key: bytes, domain: str) -> str:
    """The return-path that identifies an outbox row; its local part is at most 28 characters."""
    return f"b{outbox_id}.{_return_path_mac(outbox_id, nonce, key)}@{domain}"


def read_return_path(address: str) -> ReturnPathClaim | None:
    """The claim of a return-path address, or None."""
    found = _RETURN_PATH.match(local_part(address))
    return ReturnPathClaim(int(found[1]), found[2]) if found else None


def verify_return_path(claim: ReturnPathClaim, nonce: bytes, keys: Mapping[int, bytes]) -> bool:
    """Whether we issued this return-path for that row, by any key still kept."""
    return any(hmac.compare_digest(_return_path_mac(claim.outbox_id, nonce, key), claim.mac) for key in keys.values())


def _return_path_mac(outbox_id: int, nonce: bytes, key: bytes) -> str:
    mac = hmac.new(key, b"return-path\0" + str(outbox_id).encode() + b"\0" + nonce, hashlib.sha256).digest()
    return base64.b32encode(mac).decode("ascii")[:12].lower()


# --- loop marker --------------------------------------------------------------------------------------------------------


def loop_marker(outbox_id: int, nonce: bytes, key: bytes) -> str:
    """Value of the X-Mailcrm-Marker header of every mail of ours: row id and a signature."""
    mac = hmac.new(key, b"marker\0" + str(outbox_id).encode() + b"\0" + nonce, hashlib.sha256).hexdigest()[:20]
    return f"{outbox_id}.{mac}"


def read_marker(value: str) -> int | None:
    """The outbox id that a marker names, or None; ``verify_marker`` says whether it is ours."""
    head, _, mac = value.strip().partition(".")
    return int(head) if head.isascii() and head.isdigit() and len(head) <= 13 and mac else None


def verify_marker(value: str, nonce: bytes, keys: Mapping[int, bytes]) -> bool:
    """Whether this marker was put on a mail by us."""
    outbox_id = read_marker(value)
    if outbox_id is None:
        return False
    return any(hmac.compare_digest(loop_marker(outbox_id, nonce, key), value.strip()) for key in keys.values())
