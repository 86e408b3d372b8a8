"""A notice: a mail to one member of staff, with what has happened, the words, the card. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from mailcrm.i18n import Translator, translator
from mailcrm.mail import Address, Intent, NoticeKind
from mailcrm.marker import MARKER
from mailcrm.notify.assembling import Composed, assembled
from mailcrm.notify.buttons import Choice, accepting, decisions, mailto, next_steps, plans, taking_back
from mailcrm.notify.cardtext import Line, card_lines, card_title
from mailcrm.notify.commandwords import HelpLine, digest_help_lines, help_lines
from mailcrm.notify.digest_links import LINK_BYTES, digest_links
from mailcrm.notify.entry import Entry, Said, page_url, said, shows_card
from mailcrm.notify.fitting import MOST_HTML, TEXT_BYTES, size_of
from mailcrm.notify.gathered import entries_of, gathered_line
from mailcrm.notify.history import mail_parts
from mailcrm.notify.letterhead import (
    Letterhead,
    called,
    header_text,
    mailbox,
    thread_index,
    thread_root,
    token_address,
    unsubscribing,
)
from mailcrm.notify.material import Material, Reader
from mailcrm.notify.mime import words as subject_words
from mailcrm.notify.opening import (
    Answer,
    absence_title,
    answer_of,
    author_name,
    first_lines,
    is_about_digest,
    reason_line,
    warnings,
)
from mailcrm.notify.pipeline_picture import Picture, pipeline_picture
from mailcrm.notify.prose import about_lead, without_command_sign
from mailcrm.notify.render import Rendered, Templates

_SLACK = 500  # bytes


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
    entries: tuple[Entry, ...]
    card_title: str
    card: tuple[Line, ...]
    url: str
    reason: str
    help: tuple[HelpLine, ...] = ()
    help_title: str = ""
    choices: tuple[Choice, ...] = ()
    steps: tuple[Choice, ...] = ()


def notice(material: Material, head: Letterhead, templates: Templates, now: datetime) -> Composed:
    reader = material.reader
    if reader is None:
        raise LookupError("the user this notice is for is gone")
    words = translator(reader.locale)
    answer = answer_of(material)
    picture = _picture(material, head, words)
    view, rendered = _within_limit(material, answer, reader, head, words, templates, picture)
    headers = [
        ("From", mailbox(_notice_sender(material, head, words), head.notify_address)),
        ("To", mailbox(reader.name, _reader_address(material, reader))),
        ("Reply-To", _notice_reply_to(material, answer, head, words)),
        *_lead_thread(material, view.subject, head),
        *(unsubscribing(head, reader.id) if material.row.kind == NoticeKind.DIGEST else []),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
    ]
    parts = [*mail_parts(material), *(part for entry in view.entries for part in entry.parts), *picture.parts]
    made = assembled(material, head, rendered, headers, parts, now)
    shown = [view.card_title, *(f"{line.label}: {line.value}" for line in view.card)] if view.card else []
    return replace(made, card_lines=tuple(shown))


def _picture(material: Material, head: Letterhead, words: Translator) -> Picture:
    """Of the pipeline, in a digest that speaks of one."""
    told = material.row.params["digest"] if material.row.kind == NoticeKind.DIGEST else {}
    return pipeline_picture(told.get("pipeline"), f"pipeline.{material.row.id}@{head.domain}", words)


def _within_limit(
    material: Material,
    answer: Answer,
    reader: Reader,
    head: Letterhead,
    words: Translator,
    templates: Templates,
    picture: Picture,
) -> tuple[View, Rendered]:
    """The notice as HTML that no mail client clips: where the rest takes much, the words get less room."""
    room = LINK_BYTES if material.row.kind == NoticeKind.DIGEST else TEXT_BYTES
    while True:
        view = notice_view(material, answer, reader, head, words, room)
        values: dict[str, object] = {"v": view}
        if material.row.kind == NoticeKind.DIGEST:
            links = digest_links(material.row, head, words, room)
            values |= {"digest": material.row.params["digest"], "links": links, "page": head.public_url}
            values |= {"picture": picture}
        rendered = templates.render(material.row.kind.value, reader.locale, values)
        over = size_of(rendered.html) - MOST_HTML
        if over <= 0 or room == 0:
            return view, rendered
        room = max(0, room - over - _SLACK)


def _reader_address(material: Material, reader: Reader) -> str:
    """Where the reader has their mail; a question whether an address is theirs goes to that address."""
    return material.row.recipients[0].address if material.row.kind == NoticeKind.ADDRESS else reader.address


def _notice_sender(material: Material, head: Letterhead, words: Translator) -> str:
    name = author_name(material, head)
    if not name:
        what = _what(material.row.kind, words)
        return f"{what} ({head.company})" if what else head.notify_name
    return words.gettext("%(name)s via %(company)s") % {"name": called(Address(name, "")), "company": head.company}


def _notice_reply_to(material: Material, answer: Answer, head: Letterhead, words: Translator) -> str:
    _ = words.gettext
    alias = material.card.sales_address if material.card else ""
    if answer.intent is None:
        return mailbox(head.notify_name, head.notify_address)
    address = token_address(head, material.row, answer.intent, alias)
    if material.row.kind == NoticeKind.BATCH:
        return mailbox(_("Several leads: use the button of one"), address)
    if answer.intent == Intent.REPLY:
        return mailbox(_("Reply to %(name)s (customer)") % {"name": called(answer.to[0])}, address)
    if answer.intent == Intent.NOTE:
        return mailbox(_("Internal note (stays inside)"), address)
    if answer.intent == Intent.DECIDE:
        return mailbox(_("One word: send, drop or note"), address)
    return mailbox(head.notify_name, address)


def _lead_thread(material: Material, subject: str, head: Letterhead) -> list[tuple[str, str]]:
    """What keeps all notices of a lead in one thread: a fixed first id (Gmail, Apple Mail), and Outlook's two fields.

    No mail carries that first id: it stands where the mail that began the thread would, and all notices are its answers.
    """
    if material.card is None:
        return []
    root = thread_root(head, material.card.id, material.row.user_id)
    threaded = [("In-Reply-To", f"<{root}>"), ("References", f"<{root}>")]
    return [*threaded, ("Thread-Topic", subject_words(subject)), ("Thread-Index", thread_index(root))]


def notice_view(
    material: Material, answer: Answer, reader: Reader, head: Letterhead, words: Translator, room: int = TEXT_BYTES
) -> View:
    """All that a notice says, in the reader's language; the words in at most ``room`` bytes of HTML."""
    note_address = _note_address(material, answer, head)
    subject = _notice_subject(material, words)
    card = material.card
    return View(
        locale=words.locale,
        marker=MARKER,
        subject=subject,
        warnings=tuple(map(said, _warnings(material, words))),
        first=tuple(map(said, _first_lines(material, head, words))),
        note_address=note_address,
        note_href=mailto(note_address, subject, "") if note_address else "",
        entries=entries_of(material, room, _zone(reader, head), head, words),
        card_title=card_title(card, words) if card and shows_card(material) else "",
        card=card_lines(card, words) if card and shows_card(material) else (),
        url=page_url(material, head),
        reason=reason_line(material, words),
        help=_help(material, words),
        help_title=words.gettext("Answers to a digest")
        if is_about_digest(material)
        else words.gettext("Commands at the top of a reply"),
        choices=_choices(material, answer, head, subject, words),
        steps=next_steps(material, head, subject, words),
    )


def _warnings(material: Material, words: Translator) -> list[str]:
    """Of all that is told; in a list they stand with their lead."""
    told = () if material.row.kind == NoticeKind.BATCH else material.all
    return list(dict.fromkeys(line for one in told for line in warnings(one, words)))


def _first_lines(material: Material, head: Letterhead, words: Translator) -> list[str]:
    gathered = gathered_line(material, words, head)
    return [*([gathered] if gathered else []), *first_lines(material, head, words)]


def _choices(
    material: Material, answer: Answer, head: Letterhead, subject: str, words: Translator
) -> tuple[Choice, ...]:
    """The words that answer a question, plan what is suggested, or take back."""
    if answer.intent == Intent.DECIDE:
        return decisions(material, head, subject, words)
    if answer.intent == Intent.REPLY:
        return accepting(material, head, subject, words)
    if answer.intent != Intent.UNDO:
        return ()
    return (*plans(material, head, subject, words), taking_back(material, head, subject, words))


def _help(material: Material, words: Translator) -> tuple[HelpLine, ...]:
    """How lines are written: after a digest its numbers, and every command for who asked."""
    if not _asks_for_help(material):
        return ()
    if not is_about_digest(material):
        return help_lines(words)
    is_asked = any(one["what"] == "help" for one in material.row.params.get("changes", ()))
    return (*digest_help_lines(words), *(help_lines(words) if is_asked else ()))


def _asks_for_help(material: Material) -> bool:
    """A question about a command, or somebody who asked."""
    changes = material.row.params.get("changes", ())
    return any(one["what"] in ("fault", "help") for one in changes)


def _zone(reader: Reader, head: Letterhead) -> str:
    return reader.time_zone or head.time_zone


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
    if kind == NoticeKind.BATCH:
        return _list_subject(material, words)
    if kind == NoticeKind.ABSENCE:
        return header_text(absence_title(material, words))
    about = header_text(arrived.subject) if arrived else ""
    if card is not None:
        about = about_lead(card.partner_name, card.base_subject or card.title)
    is_in_thread = card is not None  # a mail client begins a new one where the subject changes
    what = "" if is_in_thread else _what(kind, words)
    about = without_command_sign(about)
    return f"{what}: {about}" if what else about


def _list_subject(material: Material, words: Translator) -> str:
    """How many, and of whom."""
    names = dict.fromkeys(called(Address(one.card.partner_name, "")) for one in material.all if one.card)
    said_so = words.ngettext("%(count)s notice: %(names)s", "%(count)s notices: %(names)s", len(material.all))
    return header_text(said_so % {"count": len(material.all), "names": ", ".join(names)}, 150)


def _what(kind: NoticeKind, words: Translator) -> str:
    """What kind of notice it is, where nobody's words are its reason."""
    _ = words.gettext
    return {
        NoticeKind.FAILED: _("Not delivered"),
        NoticeKind.HELD: _("Not sent yet"),
        NoticeKind.RECEIPT: _("Receipt"),
        NoticeKind.HISTORY: _("History"),
        NoticeKind.LOOP: _("Held, going in circles"),
        NoticeKind.REMINDER: _("Reminder"),
        NoticeKind.ADMIN: _("For the administrators"),
    }.get(kind, "")
