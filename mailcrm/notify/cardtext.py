"""The card of a lead as labelled lines in a language; the same lines are what ``leak`` looks for. Pure."""

from dataclasses import dataclass

from mailcrm.i18n import LOCALES, Translator, format_date, format_money, translator
from mailcrm.notify.letterhead import Letterhead
from mailcrm.notify.material import Card, NextActivity

_LONGEST_TITLE = 120  # of another lead
STARS = ("☆☆☆", "★☆☆", "★★☆", "★★★")


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    value: str


def lead_url(head: Letterhead, lead_id: int) -> str:
    return f"{head.public_url}/leads/{lead_id}"


def card_title(card: Card, words: Translator) -> str:
    return words.gettext("Lead %(id)s: %(title)s") % {"id": card.id, "title": card.title}


def card_lines(card: Card, words: Translator) -> tuple[Line, ...]:
    """What a salesperson wants to know before answering; lines with nothing to say are left out."""
    _ = words.gettext
    company = f", {card.company_name}" if card.company_name and card.company_name != card.partner_name else ""
    lines = [
        Line(_("Customer"), card.partner_name + company),
        Line(_("Stage"), card.stages[words.locale]),
        Line(_("Value"), format_money(card.value, card.currency, words.locale) if card.value is not None else ""),
        Line(_("Priority"), STARS[card.priority] if card.priority else ""),
        Line(_("Owner"), card.owner_name or _("nobody yet")),
        Line(_("Next"), _next(card.next_activity, words) if card.next_activity else _("no activity planned")),
        Line(
            _("Also open"),
            "; ".join(f"{o.id} {o.title[:_LONGEST_TITLE]} ({o.stages[words.locale]})" for o in card.others),
        ),
    ]
    return tuple(line for line in lines if line.value)


def _next(activity: NextActivity, words: Translator) -> str:
    what = activity_name(activity.type, words)
    summary = f": {activity.summary}" if activity.summary else ""
    return f"{format_date(activity.due_on, words.locale)}, {what}{summary} ({activity.user_name})"


def activity_name(kind: str, words: Translator) -> str:
    _ = words.gettext
    return {
        "call": _("Call"),
        "meeting": _("Meeting"),
        "mail": _("Mail"),
        "quote": _("Quote"),
        "todo": _("To do"),
    }.get(kind, kind)


def all_card_lines(card: Card) -> tuple[str, ...]:
    """Every line of the card in every language, as it stands in a notice's text."""
    languages = [translator(locale) for locale in LOCALES]
    titles = [card_title(card, words) for words in languages]
    lines = [f"{line.label}: {line.value}" for words in languages for line in card_lines(card, words)]
    return (*titles, *lines)
