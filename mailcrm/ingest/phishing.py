"""Whether a writer's shown name may be borrowed: a hint for the reader, never a decision.

A name that is an address or a domain of somebody else's, a name of one of our people in To or Cc, a domain that looks like one
of ours, letters of two alphabets in one word. Pure; ``ours`` holds the domains the mail was sent to.
"""

import re
import unicodedata

from mailcrm.lookalike import lookalike
from mailcrm.mail import Address, Hint, HintKind

_ADDRESS = re.compile(r"[\w.+'-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,5})")
_DOMAIN = re.compile(r"(?<![\w@.-])((?:[\w-]{1,63}\.){1,4}[a-z]{2,24})(?![\w@-])", re.IGNORECASE)


def phishing_hint(
    writer: Address | None, reply_to: tuple[Address, ...], named: tuple[Address, ...], ours: frozenset[str]
) -> Hint | None:
    """Why, or None. ``named`` are the mailboxes of To and Cc."""
    if writer is None:
        return None
    shown = _ADDRESS.search(writer.name)
    if (
        shown
        and not _is_same(shown.group(1), writer.domain)
        and not any(box.address.lower() == shown.group().lower() for box in reply_to)
    ):
        return Hint(HintKind.NAME_SAYS_OTHER, shown.group(), writer.address)
    if any(_is_same(writer.domain, domain) for domain in ours):
        return None
    for domain in _DOMAIN.findall(writer.name) if "." in writer.name else ():
        if any(_is_same(domain.lower(), own) for own in ours):
            return Hint(HintKind.NAME_SAYS_OTHER, domain, writer.address)
    for own in ours:
        if lookalike(Address("", f"x@{writer.domain}"), Address("", f"x@{own}")) == "domain":
            return Hint(HintKind.LIKE_OUR_DOMAIN, writer.domain, own)
    for box in named:
        if box.name.strip() and box.domain in ours and box.name.casefold() == writer.name.casefold():
            return Hint(HintKind.NAME_OF_RECIPIENT, writer.address, box.address, box.name)
    mixed = next((word for word in writer.name.split() if _is_mixed(word)), "")
    return Hint(HintKind.TWO_ALPHABETS, mixed, writer.address) if mixed else None


def _is_same(domain: str, other: str) -> bool:
    """The same, or one below the other."""
    a, b = domain.lower(), other.lower()
    return a == b or a.endswith(f".{b}") or b.endswith(f".{a}")


def _is_mixed(word: str) -> bool:
    """Latin letters together with Cyrillic or Greek ones in one word."""
    if word.isascii():
        return False
    scripts = {unicodedata.name(letter, "?").partition(" ")[0] for letter in word if letter.isalpha()}
    return "LATIN" in scripts and bool(scripts & {"CYRILLIC", "GREEK"})
