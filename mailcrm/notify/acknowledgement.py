"""The mail that tells a customer that theirs has arrived: the firm's own words, and nothing of what was written to us. Pure.

It says in its header that no person wrote it, leaves with the null reverse-path, and an answer to it finds its lead by the reply
address (RFC 3834).
"""

from datetime import datetime

from mailcrm.i18n import known_locale
from mailcrm.mail import Intent
from mailcrm.notify.assembling import Composed, assembled
from mailcrm.notify.customer_mail import people_of, quotable_subject, thread_headers
from mailcrm.notify.letterhead import Letterhead, mailbox, token_address
from mailcrm.notify.material import Material
from mailcrm.notify.prose import html_of, tidy
from mailcrm.notify.render import Templates


def acknowledgement(material: Material, head: Letterhead, templates: Templates, now: datetime) -> Composed:
    """In the language that was chosen when the mail came."""
    card = material.card
    if card is None or material.message is None:
        raise LookupError("the message or the lead of this mail is gone")
    language = str(material.row.params.get("detail", ""))
    subject = quotable_subject(material.message.subject, head) or quotable_subject(card.title, head)
    text = tidy(_filled(head.acknowledgements.get(language) or head.acknowledgements["en"], head.company, subject))
    values = {"text": text, "html": html_of(text), "subject": f"Re: {subject}", "language": language}
    rendered = templates.render("acknowledgement", known_locale(language), values)
    reply_to = token_address(head, material.row, Intent.REPLY, card.sales_address)
    headers = [
        ("From", mailbox(head.company, card.sales_address or head.notify_address)),
        ("To", people_of(material, "to")),
        ("Reply-To", mailbox(head.company, reply_to)),
        *thread_headers(material.message),
        ("Auto-Submitted", "auto-replied"),
        ("X-Auto-Response-Suppress", "All"),
    ]
    return assembled(material, head, rendered, headers, (), now)


def _filled(words: str, company: str, subject: str) -> str:
    """One after the other would fill in what a subject says of itself."""
    parts = words.split("{subject}")
    return subject.join(part.replace("{company}", company) for part in parts)
