"""Plain text turned into what a mail shows: HTML from text, a quote, a subject with one "Re:". Pure."""

import re

from markupsafe import Markup, escape

from mailcrm.mail import Address
from mailcrm.notify.letterhead import called, header_text

# An address begins where a word begins and is short: a word of 60,000 letters took a minute.
_LINK = re.compile(r"https?://[^\s<>\"'\]]+[^\s<>\"'\].,;:!?)]|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_PREFIX = re.compile(r"\A\s*(?:re|vs|sv|aw|antw|fw|fwd|vl|wg|tr|ref|odp)(?:\[\d+\])?\s*:\s*", re.IGNORECASE)
_ONLY_SPACE = re.compile(r"^[ \t\xa0]+$", re.MULTILINE)  # Outlook's empty paragraph holds a no-break space
_MANY_BLANK = re.compile(r"\n{3,}")


def html_of(text: str, *, with_addresses: bool = True, with_links: bool = True) -> Markup:
    """Text as HTML: escaped first, then web and mail addresses made into links, line breaks kept.

    Without addresses where a click on one would write past us to a customer; without links where a stranger may have written them
    in a colleague's name.
    """
    parts: list[Markup] = []
    end = 0
    for found in _LINK.finditer(text):
        parts += [escape(text[end : found.start()]), _link(found[0], with_addresses, with_links)]
        end = found.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts).replace("\n", Markup("<br>\n"))


def _link(target: str, with_addresses: bool, with_links: bool) -> Markup:
    if target.lower().startswith("http"):
        if not with_links:
            return escape(target)
        return Markup('<a href="{0}">{0}</a>').format(target)
    return Markup('<a href="mailto:{0}">{0}</a>').format(target) if with_addresses else escape(target)


def tidy(text: str) -> str:
    """Without blank lines at the ends or more than two in a row, and with one kind of line end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _MANY_BLANK.sub("\n\n", _ONLY_SPACE.sub("", lines)).strip()


def quote(text: str) -> str:
    return "\n".join(
        f"> {line}" if not line.startswith(">") and line else f">{line}" for line in tidy(text).split("\n")
    )


def bare_subject(subject: str) -> str:
    """The subject without its reply and forward prefixes."""
    before = None
    while before != subject:
        before, subject = subject, _PREFIX.sub("", subject)
    return subject.strip()


def about_lead(partner_name: str, base_subject: str) -> str:
    """What the notices of a lead are about: their subject, the same on all of them."""
    base = header_text(bare_subject(base_subject))
    about = f"{called(Address(partner_name, ''))}: {base}" if partner_name else base
    return without_command_sign(about)


def without_command_sign(subject: str) -> str:
    """A subject that begins with a slash would be a command in the reader's answer."""
    return subject.lstrip("/／⁄∕\\#＃ ")


def listed(people: tuple[Address, ...]) -> str:
    """People as a reader sees them, each with the address that mail goes to."""
    return ", ".join(f"{one.name} <{one.address}>" if one.name else one.address for one in people)
