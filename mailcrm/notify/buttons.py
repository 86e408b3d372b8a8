"""The usual next steps of a notice, each a button that opens a mail with the command in it. Pure.

A link never acts by itself: what is done is done when the reader sends the mail, with the proof that every mail of theirs has. The
address is the note address of the notice, so that a signature below a command stays inside. A label that ends in "…" wants a word
more before it is sent.
"""

from dataclasses import dataclass
from urllib.parse import quote as percent

from mailcrm.commands.words import usage
from mailcrm.i18n import Translator
from mailcrm.mail import Intent, NoticeKind, Verb
from mailcrm.notify.cardtext import activity_name
from mailcrm.notify.commandwords import acceptance, suggested_command, suggested_in
from mailcrm.notify.letterhead import Letterhead, token_address
from mailcrm.notify.material import Card, Material

_LONGEST_SUBJECT = 80  # a mailto address grows threefold where it is written
_ABOUT_A_LEAD = (
    NoticeKind.MESSAGE,
    NoticeKind.ASSIGNED,
    NoticeKind.SENT,
    NoticeKind.NOTE,
    NoticeKind.FAILED,
    NoticeKind.REMINDER,
)
_FOR_EVERYBODY = frozenset({Verb.DONE, Verb.SNOOZE, Verb.MUTE})


@dataclass(frozen=True, slots=True)
class Choice:
    """A button that opens a mail with ``line`` in it; nothing happens until the mail is sent."""

    label: str
    href: str
    line: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class _Step:
    verb: Verb
    label: str
    rest: str = ""
    is_open: bool = False  # something is to be written behind the command


def mailto(address: str, subject: str, body: str) -> str:
    """A mail to be written, as a link (RFC 6068): every sign but the plainest encoded, lines ended by CRLF."""
    lines = body.replace("\n", "\r\n")
    where, about = percent(address, safe="@"), percent(subject[:_LONGEST_SUBJECT], safe="")
    return f"mailto:{where}?subject={about}" + (f"&body={percent(lines, safe='')}" if body else "")


def decisions(material: Material, head: Letterhead, subject: str, words: Translator) -> tuple[Choice, ...]:
    """The words that answer a question about a mail that waits."""
    _ = words.gettext
    labels = ((_("Send it"), _("send")), (_("Keep it as a note"), _("note")), (_("Drop it"), _("drop")))
    return tuple(_word(material, head, Intent.DECIDE, subject, label, word) for label, word in labels)


def taking_back(material: Material, head: Letterhead, subject: str, words: Translator) -> Choice:
    """The word that takes back what a receipt tells of."""
    _ = words.gettext
    return _word(material, head, Intent.UNDO, subject, _("Take it back"), usage(Verb.UNDO, words.locale).word)


def accepting(material: Material, head: Letterhead, subject: str, words: Translator) -> tuple[Choice, ...]:
    """The command that accepts another time for a meeting. Its answer goes to the customer, so that they are told of it."""
    if material.message is None or material.row.kind != NoticeKind.MESSAGE:
        return ()
    zone = (material.reader.time_zone if material.reader else "") or head.time_zone
    line = acceptance(material.message.found.meeting, words, zone)
    return (_word(material, head, Intent.REPLY, subject, words.gettext("Accept the new time"), line),) if line else ()


def plans(material: Material, head: Letterhead, subject: str, words: Translator) -> tuple[Choice, ...]:
    """The command that plans what a receipt suggests."""
    label, suggested = words.gettext("Plan it"), suggested_in(material.row.params)
    lines = [suggested_command(one, words) for one in suggested]
    return tuple(_word(material, head, Intent.UNDO, subject, label, line) for line in lines)


def _word(material: Material, head: Letterhead, intent: Intent, subject: str, label: str, word: str) -> Choice:
    return Choice(label, mailto(_address(material, head, intent), subject, word), word)


def next_steps(material: Material, head: Letterhead, subject: str, words: Translator) -> tuple[Choice, ...]:
    """What its reader will most likely do next, given what happened and how the lead stands."""
    card, reader = material.card, material.reader
    if card is None or reader is None or material.row.kind not in _ABOUT_A_LEAD:
        return ()
    address = _address(material, head, Intent.NOTE)
    steps = [s for s in _steps(material, card, words) if reader.role != "colleague" or s.verb in _FOR_EVERYBODY]
    return tuple(_choice(step, address, subject, words.locale) for step in steps)


def _choice(step: _Step, address: str, subject: str, locale: str) -> Choice:
    written = usage(step.verb, locale)
    line = f"/{written.word} {step.rest}".rstrip()
    if step.is_open:
        return Choice(step.label, mailto(address, subject, f"{line} "), written.line)
    return Choice(step.label, mailto(address, subject, f"{line}\n\n"), line)


def _steps(material: Material, card: Card, words: Translator) -> list[_Step]:
    _ = words.gettext
    params, kind = material.row.params, material.row.kind
    call = _Step(Verb.CALL, _("Call tomorrow"), _("tomorrow"))
    ends = [_Step(Verb.WON, _("Won")), _Step(Verb.LOST, _("Lost …"), is_open=True)]
    is_theirs = params.get("why") in ("owner", "deputy", "reminded", "writer")
    if kind == NoticeKind.REMINDER:
        return [*_planned(card, material, words), *ends]
    if kind == NoticeKind.FAILED:
        return [call]
    if not is_theirs and card.owner_name:
        return [_Step(Verb.MUTE, _("Hear no more of it"))] if params.get("why") == "follower" else []
    if kind == NoticeKind.NOTE:
        return _planned(card, material, words)
    if not card.owner_name:
        return [_Step(Verb.TAKE, _("I take it")), _Step(Verb.ASSIGN, _("Give it to …"), is_open=True), call]
    if params.get("is_closed_lead"):
        return [call]
    is_new = params.get("is_new_lead") or kind == NoticeKind.ASSIGNED
    give = [_Step(Verb.ASSIGN, _("Give it to …"), is_open=True)] if is_new else []
    return [*_planned(card, material, words), call, *give, *ends]


def _planned(card: Card, material: Material, words: Translator) -> list[_Step]:
    """What can be said of the next activity; in the answer to a reminder the commands mean the one that it reminds of."""
    _ = words.gettext
    following, reminded = card.next_activity, material.row.params.get("activity")
    kind = reminded[0] if reminded else following.type if following else ""
    if not kind:
        return []
    named_so = {"what": activity_name(kind, words)}
    return [
        _Step(Verb.DONE, _("%(what)s: done") % named_so),
        _Step(Verb.SNOOZE, _("%(what)s: in a week") % named_so, _("in 1 week")),
    ]


def _address(material: Material, head: Letterhead, intent: Intent) -> str:
    return token_address(head, material.row, intent, material.card.sales_address if material.card else "")
