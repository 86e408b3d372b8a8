"""A colleague's mail, told apart: what it asks us to do, what is for the customer, what stays inside. Pure.

Only what the writer wrote now can be a command: never a quote, never a forwarded mail. A mail of commands and a good-bye is a
mail of commands: "Br, Alice" alone is not sent to anybody.
"""

from dataclasses import replace
from datetime import datetime

from mailcrm.commands.grammar import Place
from mailcrm.commands.numbered import is_surely_numbered, read_answer
from mailcrm.commands.reading import looks_commanding, read_orders
from mailcrm.commands.words import DECISION_WORDS, UNDO_WORDS
from mailcrm.ingest.body import own_text
from mailcrm.ingest.signature import is_closing
from mailcrm.mail import Address, Decision, DigestAnswer, Orders, ParsedMail, Segment, SegmentKind, Verb, Writer

_ENDS = " \t\xa0.,!;:\"'*_/"


def orders_of(mail: ParsedMail, writer: Writer, now: datetime) -> Orders | None:
    """What a user's mail asks for; None if there is no command in it, and it is a mail like any other."""
    written = own_text(mail.segments)
    if not looks_commanding(written) and not looks_commanding(mail.subject[:1]):
        return None
    place = Place(now, writer.time_zone, writer.locale)
    orders = read_orders(written, mail.subject, place, writer.name)
    if orders.is_empty:
        return None
    return replace(orders, text="" if is_only_good_bye(orders.text, writer.name) else orders.text)


def digest_answer_of(mail: ParsedMail, outbox_id: int, writer: Writer, now: datetime) -> DigestAnswer:
    """What the answer to a digest asks for. Below a good-bye only what is surely an entry is one: the rest is a signature."""
    kept: list[str] = []
    is_below = False
    for line in own_text(mail.segments).split("\n"):
        is_good_bye = is_closing(line, writer.name)
        is_below = is_below or is_good_bye
        kept.append("" if is_good_bye or (is_below and not is_surely_numbered(line)) else line)
    return read_answer("\n".join(kept), outbox_id, Place(now, writer.time_zone, writer.locale))


def is_only_good_bye(text: str, writer: str) -> bool:
    lines = [line for line in text.split("\n") if line.strip()]
    return len(lines) <= 4 and all(is_closing(line, writer) for line in lines)


def as_note(orders: Orders) -> Orders:
    """All of it stays inside: text and note together."""
    return replace(orders, text="", note="\n\n".join(part for part in (orders.text, orders.note) if part))


def without_commands(mail: ParsedMail, text: str) -> ParsedMail:
    """The mail as if only ``text`` had been written in it."""
    rest = tuple(part for part in mail.segments if part.kind is not SegmentKind.NEW)
    new = (Segment(SegmentKind.NEW, text),) if text else ()
    subject = "" if looks_commanding(mail.subject[:1]) else mail.subject
    return replace(mail, new_text=text, segments=(*new, *rest), html="", subject=subject)


def is_undo(mail: ParsedMail) -> bool:
    """Whether the mail is the one word that takes back."""
    return _only_word(mail) in UNDO_WORDS


def decision_of(mail: ParsedMail) -> Decision | None:
    """What a mail says of held mail that is the one word: send, drop or note."""
    word = _only_word(mail)
    return next((decision for decision, words in DECISION_WORDS.items() if word in words), None)


def _only_word(mail: ParsedMail) -> str:
    """The first line's only word; a good-bye may stand below it."""
    lines = [line.strip(_ENDS) for line in own_text(mail.segments).split("\n") if line.strip(_ENDS)]
    words = lines[0].casefold().split() if lines else []
    return words[0] if len(words) == 1 and len(lines) <= 5 else ""


def named_customer(mail: ParsedMail, orders: Orders, is_inside: "frozenset[str]") -> Address | None:
    """Whom a new lead is for: an address in the command or in the lines below it, else who wrote the mail that was forwarded."""
    command = next((one for one in orders.commands if one.verb is Verb.NEW), None)
    if command is None:
        return None
    for text in (command.text, orders.text, orders.note):
        for word in text.replace(",", " ").split()[:2000]:
            address = word.strip("<>()[]\"';:.")
            local, at, domain = address.partition("@")
            if at and local and "." in domain and domain.casefold() not in is_inside:
                return Address(_name_before(text, word), address)
    return next((level.from_ for level in reversed(mail.forwarded) if level.from_), None)


def _name_before(text: str, word: str) -> str:
    """The name in "Carol Customer <carol@acme.example>"; none where no brackets say what is one."""
    if not word.startswith("<"):
        return ""
    line = next((line for line in text.split("\n") if word in line), "")
    names = line[: line.find(word)].strip(" \"'")
    capital: list[str] = []
    for part in reversed(names.split()):
        if not part[:1].isupper() or len(capital) == 4:
            break
        capital.append(part)
    return " ".join(reversed(capital))
