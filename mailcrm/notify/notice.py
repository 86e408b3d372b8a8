"""A notice: a mail to one member of staff, with what has happened, the words, the card. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote as percent

from markupsafe import Markup

from mailcrm.i18n import Translator, format_datetime, format_size, translator
from mailcrm.mail import Address, Intent, NoticeKind
from mailcrm.marker import MARKER
from mailcrm.notify.assembling import Composed, all_parts, assembled
from mailcrm.notify.cardtext import Line, card_lines, card_title, lead_url
from mailcrm.notify.commandwords import HelpLine, help_lines
from mailcrm.notify.files import File, is_executable, safe_filename
from mailcrm.notify.history import mail_parts, summary
from mailcrm.notify.letterhead import Letterhead, called, header_text, mailbox, thread_root, token_address
from mailcrm.notify.material import Material, Reader, Shown
from mailcrm.notify.opening import (
    Answer,
    absence_title,
    answer_of,
    author_name,
    faults_of,
    first_lines,
    heading,
    reason_line,
    warnings,
)
from mailcrm.notify.prose import bare_subject, html_of, tidy
from mailcrm.notify.render import Templates

MAX_TEXT = 60_000  # characters; mail clients clip HTML above about 100 KB


@dataclass(frozen=True, slots=True)
class FileLine:
    name: str
    size: str
    url: str  # "" where the file goes along


@dataclass(frozen=True, slots=True)
class Said:
    plain: str
    html: Markup


@dataclass(frozen=True, slots=True)
class Choice:
    """A button that opens a mail with one word in it; nothing happens until the mail is sent."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class View:
    """What the templates of notices show."""

    locale: str
    marker: str
    subject: str
    warnings: tuple[Said, ...]
    first: tuple[Said, ...]
    note_address: str
    note_href: str
    heading: str
    text: str
    html: Markup
    is_cut: bool
    files: tuple[FileLine, ...]
    card_title: str
    card: tuple[Line, ...]
    url: str
    reason: str
    help: tuple[HelpLine, ...] = ()
    choices: tuple[Choice, ...] = ()


def notice(material: Material, head: Letterhead, templates: Templates, now: datetime) -> Composed:
    reader = material.reader
    if reader is None:
        raise LookupError("the user this notice is for is gone")
    words = translator(reader.locale)
    answer = answer_of(material)
    view = notice_view(material, answer, reader, head, words)
    values: dict[str, object] = {"v": view}
    if material.row.kind == NoticeKind.DIGEST:
        values |= {"digest": material.row.params["digest"], "page": head.public_url}
    rendered = templates.render(material.row.kind.value, reader.locale, values)
    headers = [
        ("From", mailbox(_notice_sender(material, head, words), head.notify_address)),
        ("To", mailbox(reader.name, _reader_address(material, reader))),
        ("Reply-To", _notice_reply_to(material, answer, head, words)),
        *_lead_thread(material, head),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
    ]
    parts = mail_parts(material) if material.mails else all_parts(material)
    made = assembled(material, head, rendered, headers, parts, now)
    shown = [view.card_title, *(f"{line.label}: {line.value}" for line in view.card)] if view.card else []
    return replace(made, card_lines=tuple(shown))


def _reader_address(material: Material, reader: Reader) -> str:
    """Where the reader has their mail; a question whether an address is theirs goes to that address."""
    return material.row.recipients[0].address if material.row.kind == NoticeKind.ADDRESS else reader.address


def _notice_sender(material: Material, head: Letterhead, words: Translator) -> str:
    name = author_name(material, head)
    if not name:
        return head.notify_name
    return words.gettext("%(name)s via %(company)s") % {"name": called(Address(name, "")), "company": head.company}


def _notice_reply_to(material: Material, answer: Answer, head: Letterhead, words: Translator) -> str:
    _ = words.gettext
    alias = material.card.sales_address if material.card else ""
    if answer.intent is None:
        return mailbox(head.notify_name, head.notify_address)
    address = token_address(head, material.row, answer.intent, alias)
    if answer.intent == Intent.REPLY:
        return mailbox(_("Reply to %(name)s (customer)") % {"name": called(answer.to[0])}, address)
    if answer.intent == Intent.NOTE:
        return mailbox(_("Internal note (stays inside)"), address)
    if answer.intent == Intent.DECIDE:
        return mailbox(_("One word: send, drop or note"), address)
    return mailbox(head.notify_name, address)


def _lead_thread(material: Material, head: Letterhead) -> list[tuple[str, str]]:
    """A fixed first id per lead and user keeps all notices of a lead in one thread of the mail client."""
    if material.card is None:
        return []
    root = f"<{thread_root(head, material.card.id, material.row.user_id)}>"
    return [("In-Reply-To", root), ("References", root)]


def notice_view(material: Material, answer: Answer, reader: Reader, head: Letterhead, words: Translator) -> View:
    """All that a notice says, in the reader's language."""
    is_history = material.row.kind == NoticeKind.HISTORY
    text = summary(material, words, _zone(reader, head)) if is_history else _shown_text(material, words)
    note_address = _note_address(material, answer, head)
    subject = _notice_subject(material, words)
    card = material.card
    return View(
        locale=words.locale,
        marker=MARKER,
        subject=subject,
        warnings=tuple(Said(line, html_of(line, with_addresses=False)) for line in warnings(material, words)),
        first=tuple(Said(line, html_of(line, with_addresses=False)) for line in first_lines(material, head, words)),
        note_address=note_address,
        note_href=f"mailto:{note_address}?subject={percent(subject)}" if note_address else "",
        heading=heading(material, head, words, _zone(reader, head)) or _arrived_heading(material, reader, head, words),
        text=text[:MAX_TEXT],
        html=html_of(text[:MAX_TEXT], with_links=material.row.kind != NoticeKind.HELD),
        is_cut=len(text) > MAX_TEXT,
        files=_file_lines(material, head, words),
        card_title=card_title(card, words) if card and _shows_card(material) else "",
        card=card_lines(card, words) if card and _shows_card(material) else (),
        url=_page_url(material, head),
        reason=reason_line(material, words),
        help=help_lines(words) if _asks_for_help(material) else (),
        choices=_choices(material, answer, head, subject, words),
    )


def _choices(
    material: Material, answer: Answer, head: Letterhead, subject: str, words: Translator
) -> tuple[Choice, ...]:
    """The words that answer a question, each as a mail that is written already."""
    if answer.intent != Intent.DECIDE:
        return ()
    _ = words.gettext
    address = token_address(head, material.row, Intent.DECIDE, material.card.sales_address if material.card else "")
    labels = ((_("Send it"), _("send")), (_("Keep it as a note"), _("note")), (_("Drop it"), _("drop")))
    return tuple(
        Choice(label, f"mailto:{address}?subject={percent(subject)}&body={percent(word)}") for label, word in labels
    )


def _shows_card(material: Material) -> bool:
    """A question has no links and stays short: it may be answered from a mail that somebody forged."""
    return material.row.kind not in (NoticeKind.HELD, NoticeKind.DIGEST, NoticeKind.RECEIPT)


def _asks_for_help(material: Material) -> bool:
    """A question about a command, or somebody who asked."""
    changes = material.row.params.get("changes", ())
    return any(one["what"] in ("fault", "help") for one in changes)


def _page_url(material: Material, head: Letterhead) -> str:
    """Where the page shows what the notice tells of; nowhere for a question."""
    if not _shows_card(material):
        return ""
    if material.card is not None:
        return lead_url(head, material.card.id)
    return f"{head.public_url}/inbound/{material.arrived.id}" if material.arrived else ""


def _zone(reader: Reader, head: Letterhead) -> str:
    return reader.time_zone or head.time_zone


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


def _arrived_heading(material: Material, reader: Reader, head: Letterhead, words: Translator) -> str:
    if material.arrived is None or material.row.kind == NoticeKind.RECEIPT:
        return ""
    at = format_datetime(material.arrived.received_at, words.locale, _zone(reader, head))
    author = material.arrived.author
    name = f"{author.name} <{author.address}>" if author.name else author.address
    said = words.gettext("%(name)s wrote, %(at)s: %(subject)s")
    return said % {"name": name, "at": at, "subject": header_text(material.arrived.subject)}


def _note_address(material: Material, answer: Answer, head: Letterhead) -> str:
    if answer.intent != Intent.REPLY or material.row.lead_id is None:
        return ""
    alias = material.card.sales_address if material.card else ""
    return token_address(head, material.row, Intent.NOTE, alias)


def _notice_subject(material: Material, words: Translator) -> str:
    _ = words.gettext
    kind, card, arrived = material.row.kind, material.card, material.arrived
    if kind == NoticeKind.DIGEST:
        return str(material.row.params["digest"]["subject"])
    if kind == NoticeKind.ADDRESS:
        address = header_text(str(material.row.params.get("detail", "")))
        is_asked = material.row.params.get("event") == "address_claimed"
        said = _("Is %(address)s your address?") if is_asked else _("%(address)s is your address now")
        return said % {"address": address}
    if kind == NoticeKind.ABSENCE:
        return header_text(absence_title(material, words))
    about = header_text(arrived.subject) if arrived else ""
    if card is not None:
        base = header_text(bare_subject(card.base_subject or card.title))
        about = f"{called(Address(card.partner_name, ''))}: {base}" if card.partner_name else base
    prefix = {
        NoticeKind.FAILED: _("Not delivered: %(subject)s"),
        NoticeKind.HELD: _("Not sent yet: %(subject)s"),
        NoticeKind.RECEIPT: _("Receipt: %(subject)s"),
        NoticeKind.HISTORY: _("History: %(subject)s"),
        NoticeKind.LOOP: _("Held, going in circles: %(subject)s"),
        NoticeKind.REMINDER: _("Reminder: %(subject)s"),
        NoticeKind.ADMIN: _("For the administrators: %(subject)s"),
    }.get(kind, "%(subject)s")
    return prefix % {"subject": about.lstrip("/／⁄∕\\#＃ ")}


def _file_lines(material: Material, head: Letterhead, words: Translator) -> tuple[FileLine, ...]:
    if material.message is None or material.row.kind not in (NoticeKind.MESSAGE, NoticeKind.NOTE, NoticeKind.SENT):
        return ()
    contents = material.contents or {}
    return tuple(_file_line(file, file.id in contents, head, words) for file in material.message.files)


def _file_line(file: File, is_along: bool, head: Letterhead, words: Translator) -> FileLine:
    name = safe_filename(file.filename)
    if is_executable(name):
        name = words.gettext("%(name)s (a program: open it only if you expected it)") % {"name": name}
    return FileLine(
        name, format_size(file.size, words.locale), "" if is_along else f"{head.public_url}/attachments/{file.id}"
    )
