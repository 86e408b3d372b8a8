"""What somebody wrote, as a notice shows it: who and when, the words with their pictures, the files. Pure.

The words are whole as far as a mail client shows them; of longer ones the beginning is here, and the whole goes along in a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from mailcrm.i18n import Translator, format_datetime, format_size
from mailcrm.mail import NoticeKind
from mailcrm.notify.assembling import file_parts
from mailcrm.notify.buttons import Choice
from mailcrm.notify.cardtext import lead_url
from mailcrm.notify.files import File, is_executable, safe_filename
from mailcrm.notify.fitting import fitted
from mailcrm.notify.history import summary
from mailcrm.notify.letterhead import Letterhead, header_text
from mailcrm.notify.material import Material, Shown
from mailcrm.notify.mime import Part
from mailcrm.notify.opening import faults_of, heading
from mailcrm.notify.pictures import Picture, shown_pictures, with_pictures
from mailcrm.notify.prose import html_of, tidy

_MOST_FILE_LINES = 30
_LONGEST_LINE = 1_500  # characters of one of our own lines
_WITH_FILES = (NoticeKind.MESSAGE, NoticeKind.NOTE, NoticeKind.SENT)


@dataclass(frozen=True, slots=True)
class FileLine:
    name: str
    size: str
    url: str  # "" where the file goes along
    is_shown: bool = False  # as a picture


@dataclass(frozen=True, slots=True)
class Said:
    plain: str
    html: Markup


@dataclass(frozen=True, slots=True)
class Entry:
    """One message in a notice. ``rest`` says where the rest of a cut text is; ``title`` and ``steps`` enclose a lead of a list."""

    heading: str
    text: str
    html: Markup
    rest: str
    files: tuple[FileLine, ...]
    more_files: str
    url: str  # where the page has it
    title: str = ""
    lines: tuple[Said, ...] = ()  # what has happened, where the words do not say it
    steps: tuple[Choice, ...] = ()
    pictures: tuple[Markup, ...] = ()  # below the words
    parts: tuple[Part, ...] = ()  # what goes along


def entry_of(material: Material, room: int, zone: str, head: Letterhead, words: Translator) -> Entry:
    """The entry of one event, its words as HTML of at most ``room`` bytes."""
    is_history = material.row.kind == NoticeKind.HISTORY
    text = summary(material, words, zone) if is_history else _shown_text(material, words)
    has_links = material.row.kind != NoticeKind.HELD
    shown = fitted(text, room, with_links=has_links)
    pictures = _pictures(material, head)
    html, below = with_pictures(shown.text, pictures, with_links=has_links)
    whole = _whole(material, text, head, words) if shown.is_cut else ()
    lines = _file_lines(material, pictures, head, words)
    return Entry(
        heading=heading(material, head, words, zone) or _arrived_heading(material, zone, words),
        text=shown.text,
        html=html,
        rest=_rest(whole, words) if shown.is_cut else "",
        files=lines[:_MOST_FILE_LINES],
        more_files=_more_files(len(lines) - _MOST_FILE_LINES, words),
        url=page_url(material, head),
        pictures=tuple(one.html for one in below),
        parts=(*whole, *_parts(material, pictures)),
    )


def said(line: str) -> Said:
    """A line of ours, plain and as HTML; no longer than a line may be."""
    clipped = line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …"
    return Said(clipped, html_of(clipped, with_addresses=False))


def shows_card(material: Material) -> bool:
    """A question has no links and stays short: it may be answered from a mail that somebody forged."""
    return material.row.kind not in (NoticeKind.HELD, NoticeKind.DIGEST, NoticeKind.RECEIPT)


def page_url(material: Material, head: Letterhead) -> str:
    """Where the page shows what the notice tells of; nowhere for a question."""
    if not shows_card(material):
        return ""
    if material.card is not None:
        return lead_url(head, material.card.id)
    return f"{head.public_url}/inbound/{material.arrived.id}" if material.arrived else ""


def _rest(whole: tuple[Part, ...], words: Translator) -> str:
    if not whole:
        return words.gettext("The rest is on the page.")
    return words.gettext("The text goes on: all of it is in the file “%(name)s” and on the page.") % {
        "name": whole[0].filename
    }


def _whole(material: Material, text: str, head: Letterhead, words: Translator) -> tuple[Part, ...]:
    """The whole text as a file, unless it is larger than what may go along."""
    content = text.replace("\n", "\r\n").encode("utf-8", "replace")
    if len(content) > head.attachment_bytes or material.row.params.get("without_attachments"):
        return ()
    name = safe_filename(f"{words.gettext('Whole text')}.txt")
    return (Part(name, "text/plain; charset=utf-8", content),)


def _more_files(count: int, words: Translator) -> str:
    said = words.ngettext("and %(count)s more file on the page", "and %(count)s more files on the page", count)
    return said % {"count": count} if count > 0 else ""


def _pictures(material: Material, head: Letterhead) -> tuple[Picture, ...]:
    files = material.message.files if material.message else ()
    return shown_pictures(files, material.contents or {}, head)


def _parts(material: Material, pictures: tuple[Picture, ...]) -> tuple[Part, ...]:
    """The files, and the pictures as the parts that the HTML shows."""
    shown = {one.file.id: one.cid for one in pictures}
    return tuple(file_parts(material, shown))


def _shown_text(material: Material, words: Translator) -> str:
    if material.row.kind == NoticeKind.HELD and faults_of(material):
        return tidy(_own_words(material.arrived.excerpt if material.arrived else ""))
    if material.row.kind == NoticeKind.HELD:
        return tidy(material.arrived.excerpt if material.arrived else _beginning(material.message))
    if material.row.kind == NoticeKind.RECEIPT:
        return ""
    if material.arrived is not None:
        return tidy(material.arrived.excerpt)
    if material.row.kind in (NoticeKind.MESSAGE, NoticeKind.NOTE, NoticeKind.SENT, NoticeKind.FAILED):
        return _with_attached(material.message, words) if material.message else ""
    return ""


def _with_attached(message: Shown, words: Translator) -> str:
    """What was written, and below it the mails that came with it in files, readable."""
    parts = [tidy(message.words)]
    for one in message.found.mails:
        head = (words.gettext("Attached mail"), one.from_, one.date, one.subject)
        parts.append("— " + " · ".join(part for part in head if part) + "\n" + tidy(one.body))
    return "\n\n".join(part for part in parts if part)


def _own_words(text: str) -> str:
    """What stands above the first quoted line and the line that introduces it: a question about a command needs no more."""
    above, quoted, _ = text.partition("\n>")
    lines = above.rstrip().split("\n")
    if not quoted:
        return text
    while lines and lines[-1].strip():
        lines.pop()  # "On Monday, Carol wrote:", perhaps folded over two lines
    return "\n".join(lines).strip() or above


def _beginning(message: Shown | None) -> str:
    return message.words[:500] if message else ""


def _arrived_heading(material: Material, zone: str, words: Translator) -> str:
    if material.arrived is None or material.row.kind == NoticeKind.RECEIPT:
        return ""
    at = format_datetime(material.arrived.received_at, words.locale, zone)
    author = material.arrived.author
    name = f"{author.name} <{author.address}>" if author.name else author.address
    said = words.gettext("%(name)s wrote, %(at)s: %(subject)s")
    return said % {"name": name, "at": at, "subject": header_text(material.arrived.subject)}


def _file_lines(
    material: Material, pictures: Sequence[Picture], head: Letterhead, words: Translator
) -> tuple[FileLine, ...]:
    if material.message is None or material.row.kind not in _WITH_FILES:
        return ()
    contents, shown = material.contents or {}, {one.file.id for one in pictures}
    return tuple(
        replace(_file_line(file, file.id in contents, head, words), is_shown=file.id in shown)
        for file in material.message.files
    )


def _file_line(file: File, is_along: bool, head: Letterhead, words: Translator) -> FileLine:
    name = safe_filename(file.filename)
    if is_executable(name):
        name = words.gettext("%(name)s (a program: open it only if you expected it)") % {"name": name}
    url = "" if is_along else f"{head.public_url}/attachments/{file.id}"
    return FileLine(name, format_size(file.size, words.locale), url)
