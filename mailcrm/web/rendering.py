"""Pages from templates in the reader's language: one Jinja2 environment per locale, everything escaped, nothing left undefined.

``Pages.html(locale, name, context)`` returns the page as text. Filters word what rows hold: dates, money, ages, reasons.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mailcrm import reasons
from mailcrm.found_words import (
    ANSWERS,
    absence_words,
    hint_words,
    meeting_words,
    repeats_words,
    undelivered_words,
    via_words,
)
from mailcrm.i18n import LOCALES, format_clock, format_date, format_datetime, format_money, format_size, translator
from mailcrm.web.wording import age, event_words, leak_words

_WORDS = {
    "reason": reasons.REASONS,
    "author": reasons.AUTHORS,
    "verdict": reasons.VERDICTS,
    "state": reasons.STATES,
    "route": reasons.ROUTES,
    "door": reasons.DOORS,
    "delivery": reasons.DELIVERY,
    "notice": reasons.NOTICES,
}


class Pages:
    """All templates under ``folder``, ready in every locale."""

    def __init__(self, folder: Path) -> None:
        self._by_locale = {locale: _environment(folder, locale) for locale in LOCALES}

    def html(self, locale: str, name: str, context: Mapping[str, Any]) -> str:
        return self._by_locale[locale].get_template(name).render(context)


def templates_folder() -> Path:
    """Where the templates lie: beside the package in the source tree, inside it when installed."""
    package = Path(__file__).resolve().parent.parent
    source = package.parent / "templates"
    return (source if source.is_dir() else package / "_templates") / "web"


def _environment(folder: Path, locale: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    say = translator(locale)
    install: Callable[..., None] = vars(environment)["install_gettext_callables"]
    install(say.gettext, say.ngettext, newstyle=True)
    environment.filters |= {name: partial(_words, say.gettext, table) for name, table in _WORDS.items()}
    environment.filters |= {
        "day": partial(_day, locale),
        "defect": say.gettext,  # what reading found broken: one of few sentences; those that name a fault of ours stay English
        "moment": partial(_moment, locale),
        "money": partial(_money, locale),
        "age": partial(age, say.ngettext),
        "event": partial(event_words, say.gettext, locale),
        "leak": partial(leak_words, say.gettext),
        "hint": partial(hint_words, words=say),
        "via": partial(via_words, words=say),
        "meeting": lambda meeting, zone: meeting_words(meeting, say, zone.key),
        "repeats": partial(repeats_words, words=say),
        "local": lambda written, zone: datetime.fromisoformat(written).astimezone(zone),
        "clock": lambda at, zone: format_clock(at, locale, zone.key),
        "answer": partial(_answer, say.gettext),
        "absence": partial(absence_words, words=say),
        "undelivered": partial(_undelivered, say.gettext),
        "size": lambda size: format_size(size, locale),
    }
    return environment


def _answer(gettext: Callable[[str], str], one: Mapping[str, str]) -> str:
    """Who answered an invitation, and how."""
    said = ANSWERS.get(one.get("answer", ""))
    return gettext(said) % {"name": one.get("name") or one.get("address", "")} if said else ""


def _undelivered(gettext: Callable[[str], str], code: str, text: str) -> str:
    """Why a server did not take a mail, in words if we have any, with what it said."""
    said, why = f"{code} {text}".strip(), undelivered_words(code, text, gettext)
    return f"{why} ({said})" if why else said


def _words(gettext: Callable[[str], str], table: Mapping[str, str], value: str) -> str:
    return gettext(reasons.words(table, value)) if value else ""


def _day(locale: str, value: date | None) -> str:
    return format_date(value, locale) if value else ""


def _moment(locale: str, value: datetime | None, zone: ZoneInfo) -> str:
    return format_datetime(value, locale, zone.key) if value else ""


def _money(locale: str, value: Decimal | None, currency: str) -> str:
    return format_money(value, currency, locale) if value is not None else ""
