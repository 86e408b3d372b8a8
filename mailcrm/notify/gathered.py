"""The entries of a notice: mostly one; of a gathered mail one for each event; of a list, under the lead of each. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from mailcrm.i18n import Translator
from mailcrm.mail import Intent, NoticeKind
from mailcrm.notify.buttons import Choice, mailto
from mailcrm.notify.cardtext import card_title
from mailcrm.notify.entry import Entry, entry_of, said
from mailcrm.notify.fitting import size_of
from mailcrm.notify.letterhead import Letterhead, called, token_address
from mailcrm.notify.material import Material
from mailcrm.notify.opening import answer_of, author_name, event_lines, warnings
from mailcrm.notify.prose import about_lead


def entries_of(material: Material, room: int, zone: str, head: Letterhead, words: Translator) -> tuple[Entry, ...]:
    """All that is told, the oldest first; where it is too much for ``room`` bytes, each text gets an equal share."""
    told = material.all
    entries = _entries(told, room, zone, head, words)
    if len(told) > 1 and sum(size_of(entry.html) for entry in entries) > room:
        entries = _entries(told, room // len(told), zone, head, words)
    if material.row.kind == NoticeKind.BATCH:
        return _by_lead(told, entries, head, words)
    earlier = [_with_lines(one, entry, head, words) for one, entry in zip(told[:-1], entries[:-1], strict=True)]
    return (*earlier, entries[-1])


def _entries(told: Sequence[Material], room: int, zone: str, head: Letterhead, words: Translator) -> list[Entry]:
    return [entry_of(one, room, zone, head, words) for one in told]


def _with_lines(one: Material, entry: Entry, head: Letterhead, words: Translator) -> Entry:
    """What has happened, where the message itself does not say it."""
    return replace(entry, lines=tuple(map(said, event_lines(one, head, words))))


def _by_lead(
    told: Sequence[Material], entries: Sequence[Entry], head: Letterhead, words: Translator
) -> tuple[Entry, ...]:
    """Grouped by lead, in the order in which the leads were first told of: a title above, the answers below."""
    groups: dict[int | None, list[tuple[Material, Entry]]] = {}
    for one, entry in zip(told, entries, strict=True):
        careful = tuple(map(said, warnings(one, words)))
        with_lines = _with_lines(one, entry, head, words)
        groups.setdefault(one.row.lead_id, []).append((one, replace(with_lines, lines=(*careful, *with_lines.lines))))
    shown: list[Entry] = []
    for group in groups.values():
        newest, first = group[-1][0], group[0][1]
        title = card_title(newest.card, words) if newest.card else ""
        of_lead = [replace(first, title=title), *(entry for _, entry in group[1:])]
        of_lead[-1] = replace(of_lead[-1], steps=_answers([one for one, _ in group], head, words))
        shown += of_lead
    return tuple(shown)


def _answers(told: Sequence[Material], head: Letterhead, words: Translator) -> tuple[Choice, ...]:
    """A mail to the customer, and a note: by the addresses of the newest notices of that lead, so that neither is a guess."""
    _ = words.gettext
    newest = told[-1]
    card = newest.card
    if card is None:
        return ()
    subject = about_lead(card.partner_name, card.base_subject or card.title)
    note = token_address(head, newest.row, Intent.NOTE, card.sales_address)
    steps = [Choice(_("Write an internal note"), mailto(note, subject, ""), "", note)]
    theirs = next((one for one in reversed(told) if answer_of(one).intent == Intent.REPLY), None)
    if theirs is not None:
        reply = token_address(head, theirs.row, Intent.REPLY, card.sales_address)
        label = _("Reply to %(name)s (customer)") % {"name": called(answer_of(theirs).to[0])}
        steps.insert(0, Choice(label, mailto(reply, subject, ""), "", reply))
    return tuple(steps)


def gathered_line(material: Material, words: Translator, head: Letterhead) -> str:
    """How many were gathered, and from whom; "" for a notice that is alone."""
    if not material.earlier:
        return ""
    count = len(material.all)
    names = ", ".join(dict.fromkeys(name for one in material.all if (name := author_name(one, head))))
    if not names:
        return words.ngettext("%(count)s notice in one mail.", "%(count)s notices in one mail.", count) % {
            "count": count
        }
    text = words.ngettext("%(count)s new message from %(names)s.", "%(count)s new messages from %(names)s.", count)
    return text % {"count": count, "names": names[:300]}
