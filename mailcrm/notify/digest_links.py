"""What is most likely done with an item of a digest: links that open an answer with the number and the words in it. Pure.

A link never acts by itself: what is done is done when the reader sends the mail, with the proof that every mail of theirs has. So
scanners that open links do nothing. A label that ends in "…" wants a word more before it is sent.
"""

from collections.abc import Mapping
from typing import Any

from mailcrm.commands.words import usage
from mailcrm.i18n import Translator
from mailcrm.mail import Intent, Verb
from mailcrm.notify.buttons import Choice, mailto
from mailcrm.notify.letterhead import Letterhead, token_address
from mailcrm.notify.outbox import Outgoing

_LONGEST_SUBJECT = 30  # it stands in every link
LINK_BYTES = 34_000  # that all links may take: mail clients clip a mail above about 100 KB
_AROUND = 130  # bytes of a link beside its address


def digest_links(row: Outgoing, head: Letterhead, words: Translator, room: int) -> dict[int, tuple[Choice, ...]]:
    """The links of each item, by its number; of a very long digest only of those in front, as many as ``room`` bytes hold."""
    told: Mapping[str, Any] = row.params["digest"]
    address = token_address(head, row, Intent.DIGEST)
    subject = f"Re: {told['subject']}".partition(" · ")[0][:_LONGEST_SUBJECT]
    found: dict[int, tuple[Choice, ...]] = {}
    for item in (item for section in told["sections"] for item in section["items"]):
        links = tuple(_choice(item["number"], *step, address, subject) for step in steps_of(item["kind"], words))
        room -= sum(len(link.href) + len(link.label) + _AROUND for link in links)
        if room < 0:
            break
        found[item["number"]] = links
    return found


def _choice(number: int, label: str, what: str, address: str, subject: str) -> Choice:
    line = f"{number} {what}"
    return Choice(label, mailto(address, subject, line), line)


def steps_of(kind: str, words: Translator) -> list[tuple[str, str]]:
    """Labels, and what stands behind the number."""
    _ = words.gettext

    def word(verb: Verb, more: str = "") -> str:
        return f"{usage(verb, words.locale).word}{more}"

    tomorrow, week = (_("Tomorrow"), _("+1d")), (_("In a week"), _("+1w"))
    note = (_("Note …"), word(Verb.NOTE, " "))
    return {
        "activity": [(_("Done"), word(Verb.DONE)), tomorrow, week],
        "mention": [(_("Read"), word(Verb.DONE)), note],
        "waiting": [(_("Answered"), word(Verb.DONE)), (_("Remind me tomorrow"), _("+1d"))],
        "idle": [tomorrow, week, (_("Lost …"), word(Verb.LOST, " "))],
        "unowned": [(_("I take it"), word(Verb.TAKE)), (_("Give it to …"), word(Verb.ASSIGN, " "))],
        "lead": [(_("Give it to …"), word(Verb.ASSIGN, " ")), note],
        "inbound": [(_("Drop"), _("drop"))],
        "outbox": [(_("Drop"), _("drop"))],
        "bounce": [(_("Remind me tomorrow"), _("+1d")), note],
    }.get(kind, [])
