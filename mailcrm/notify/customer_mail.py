"""A person's mail to the customer: made anew from what was newly written and a quote of our own stored copy. Pure.

It holds no staff address, no notice id, no token but its own.
"""

from dataclasses import replace
from datetime import datetime

from markupsafe import Markup

from mailcrm.i18n import Translator, format_datetime, known_locale, translator
from mailcrm.mail import Address, Intent, Invitation
from mailcrm.marker import has_marker
from mailcrm.notify.assembling import Composed, assembled, file_parts
from mailcrm.notify.invite import calendar_of
from mailcrm.notify.letter_html import letter_of
from mailcrm.notify.letterhead import Letterhead, called, fit_mailbox, header_text, mailbox, token_address
from mailcrm.notify.material import Card, Material, Shown
from mailcrm.notify.mime import CalendarPart, Part, mailboxes, message_ids
from mailcrm.notify.prose import bare_subject, html_of, quote, tidy
from mailcrm.notify.render import Templates

MAX_REFERENCES = 32


def customer_mail(material: Material, head: Letterhead, templates: Templates, now: datetime) -> Composed:
    message, card = material.message, material.card
    if message is None or card is None:
        raise LookupError("the message or the lead of this mail is gone")
    locale = known_locale(card.language or head.locale)
    own_subject = str(material.row.params.get("subject", ""))  # an invitation answers nothing
    answered = material.answered if not own_subject else None
    words = translator(locale)
    quoted = quote_of(answered, words, head) if answered and not _is_new_person(material) else ""
    letter = letter_of(message, material.contents or {}, head.domain)
    html = letter.html or html_of(tidy(message.words))
    values = {"text": tidy(message.words), "html": html, "quote": quoted, **_quote_html(quoted)}
    values["subject"] = header_text(own_subject) or _customer_subject(message, answered, card, head)
    rendered = templates.render("customer_reply", locale, values)
    sender = f"{material.actor.name} / {head.company}" if material.actor else head.company
    from_address = card.sales_address or head.notify_address
    reply_to = token_address(head, material.row, Intent.REPLY, card.sales_address)
    headers = [
        ("From", mailbox(sender, from_address)),
        ("To", people_of(material, "to")),
        ("Cc", people_of(material, "cc")),
        ("Reply-To", mailbox(sender, reply_to)),
        *thread_headers(material.answered),
    ]
    others = replace(message, files=tuple(file for file in message.files if file.sha256 not in letter.taken))
    parts = [*letter.pictures, *file_parts(replace(material, message=others))]
    calendar = _calendar(material, Address(sender, from_address), now)
    if calendar is not None:
        parts.append(Part("invite.ics", "application/ics", calendar.content))
    return assembled(material, head, rendered, headers, parts, now, calendar)


def _calendar(material: Material, organizer: Address, now: datetime) -> CalendarPart | None:
    """The invitation that goes along: everybody whom the mail goes to is invited."""
    said = material.row.params.get("invitation")
    if said is None:
        return None
    invited = [Address(*fit_mailbox(one.name, one.address)) for one in material.row.recipients]
    invitation = Invitation(**said)
    return CalendarPart(invitation.method, calendar_of(invitation, organizer, invited, now))


def _is_new_person(material: Material) -> bool:
    """An answer to somebody nobody has confirmed carries nothing of what others wrote."""
    return bool(material.row.params.get("only_to_key"))


def quote_of(answered: Shown, words: Translator, head: Letterhead) -> str:
    """Our stored copy of the customer's words under a line that says whose they are, in the customer's language."""
    at = format_datetime(answered.at, words.locale, head.time_zone)
    line = words.gettext("%(at)s, %(name)s wrote:") % {"at": at, "name": called(answered.author)}
    return f"{line}\n{quote(_quotable(answered.words, head))}"


def _quotable(text: str, head: Letterhead) -> str:
    """Without lines that hold an address we issued or our own marker: a customer may have quoted them back."""
    domains = [f"@{domain}" for domain in head.domains]
    lines = text.split("\n")
    kept = "\n".join(line for line in lines if not has_marker(line) and not any(d in line.lower() for d in domains))
    return "" if has_marker(kept) else kept  # broken over two lines


def _quote_html(quoted: str) -> dict[str, object]:
    attribution, _, lines = quoted.partition("\n")
    bare = "\n".join(line[1:].removeprefix(" ") for line in lines.split("\n"))
    return {"attribution": attribution, "quote_html": html_of(bare) if bare.strip() else Markup("")}


def quotable_subject(subject: str, head: Letterhead) -> str:
    """Without words that hold an address we issued, or our own marker: with them no answer would ever leave."""
    words = (word for word in bare_subject(subject).split() if not any(f"@{d}" in word.lower() for d in head.domains))
    kept = header_text(" ".join(words))
    return "" if has_marker(kept) else kept


def _customer_subject(message: Shown, answered: Shown | None, card: Card, head: Letterhead) -> str:
    """The customer's own subject with one "Re:"; a first mail has the salesperson's."""
    if answered is not None:
        return f"Re: {quotable_subject(answered.subject, head) or quotable_subject(card.title, head)}"
    return header_text(bare_subject(message.subject)) or header_text(card.title)


def people_of(material: Material, kind: str) -> str:
    return mailboxes([fit_mailbox(one.name, one.address) for one in material.row.recipients if one.kind == kind])


def thread_headers(answered: Shown | None) -> list[tuple[str, str]]:
    if answered is None or not _is_fit(answered.message_id):
        return []
    before = [ref for ref in answered.reference_ids if ref != answered.message_id][-MAX_REFERENCES:]
    ids = [ref for ref in (*before, answered.message_id) if _is_fit(ref)]
    return [("In-Reply-To", message_ids(ids[-1:])), ("References", message_ids(ids))]


def _is_fit(ref: str) -> bool:
    return bool(ref) and ref.isascii() and ref.isprintable() and " " not in ref and len(ref) < 900
