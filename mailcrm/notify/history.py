"""A lead for one member of staff: what was written on it as a summary, and its mails as files. Pure.

Mails from the customer as they came, ours as they left; notes stand in the summary alone. Files go along up to the limit for
attachments, the newest first; what does not fit stands in the summary all the same.
"""

from mailcrm.i18n import Translator, format_datetime
from mailcrm.notify.files import safe_filename
from mailcrm.notify.material import KeptMail, Material, Written
from mailcrm.notify.mime import Part
from mailcrm.notify.prose import tidy

_MOST_TEXT = 4_000  # characters of one entry


def summary(material: Material, words: Translator, zone: str) -> str:
    """Everything in its order, each entry under who wrote it, when and to whom."""
    return "\n\n".join(_entry(one, words, zone) for one in material.written)


def _entry(one: Written, words: Translator, zone: str) -> str:
    _ = words.gettext
    kind = {"email_in": _("from the customer"), "email_out": _("to the customer"), "note": _("internal note")}[one.kind]
    text = tidy(one.text)
    cut = f"{text[:_MOST_TEXT]} …" if len(text) > _MOST_TEXT else text
    return f"— {format_datetime(one.at, words.locale, zone)}, {one.author} ({kind}):\n{cut}"


def mail_parts(material: Material) -> list[Part]:
    """The mails as files; of a type that no mail client opens as a part of ours."""
    return [Part(f"{number:03} {_name(one)}.eml", "application/octet-stream", one.raw)
            for number, one in enumerate(material.mails, start=1)]  # fmt: skip


def _name(one: KeptMail) -> str:
    return safe_filename(f"{one.at:%Y-%m-%d} {one.author}")[:80]
