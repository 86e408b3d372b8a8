"""Our own words in a reader's language: English msgids, catalogues ``mailcrm/locale/<locale>/*.po`` read without a compile step.

``translator(locale)`` gives the words, ``format_*`` dates and money the way the locale writes them, in the reader's own zone. An
unknown locale reads English. Catalogues are read once, when a locale is first asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages import pofile

LOCALES = ("en", "fi")
_NARROW_NO_BREAK_SPACE = "\u202f"


@dataclass(frozen=True)
class Translator:
    """gettext for one locale; a missing or fuzzy msgid is its own translation."""

    locale: str
    singular: Mapping[str, str]
    plural: Mapping[str, tuple[str, ...]]

    def gettext(self, msgid: str) -> str:
        return self.singular.get(msgid) or msgid

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Both of our languages have two forms, and one is for 1 only."""
        forms = self.plural.get(one, ())
        form = 0 if count == 1 else 1
        return forms[form] if len(forms) > form and forms[form] else (one, many)[form]


@cache
def translator(locale: str) -> Translator:
    """The words for a locale such as "fi"; English for any other."""
    singular: dict[str, str] = {}
    plural: dict[str, tuple[str, ...]] = {}
    folder = files("mailcrm") / "locale" / known_locale(locale)
    for entry in sorted(folder.iterdir(), key=lambda e: e.name) if folder.is_dir() else ():
        if not entry.name.endswith(".po"):
            continue
        with entry.open("rb") as stream:
            for message in pofile.read_po(stream, locale=locale):
                if not message.id or message.fuzzy:
                    continue
                if isinstance(message.id, str):
                    singular[message.id] = str(message.string)
                else:
                    plural[message.id[0]] = tuple(message.string or ())
    return Translator(known_locale(locale), singular, plural)


def known_locale(locale: str) -> str:
    """The locale itself if we have words for it, else English."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in LOCALES else "en"


@lru_cache(maxsize=1000)
def format_date(value: date, locale: str) -> str:
    return dates.format_date(value, "medium", locale=_babel(locale))


def format_datetime(value: datetime, locale: str, zone: str) -> str:
    """Day and minute in the reader's zone, e.g. "23 Nov 2026, 14:32" or "23.11.2026 klo 14.32"."""
    local = value.astimezone(ZoneInfo(zone))
    day = format_date(local.date(), locale)
    return f"{day} klo {local:%H.%M}" if known_locale(locale) == "fi" else f"{day}, {local:%H:%M}"


def format_clock(value: datetime, locale: str, zone: str) -> str:
    """The time of day in the reader's zone, as the language writes it."""
    local = value.astimezone(ZoneInfo(zone))
    return f"{local:%H.%M}" if known_locale(locale) == "fi" else f"{local:%H:%M}"


def format_age(age: timedelta, locale: str) -> str:
    """How long ago, in the largest fitting unit: "4 minutes ago"."""
    since = -max(age, timedelta(minutes=1))
    return dates.format_timedelta(since, granularity="minute", add_direction=True, threshold=1.5, locale=_babel(locale))


def format_money(value: Decimal, currency: str, locale: str) -> str:
    """An amount, without cents where there are none."""
    whole = value == value.to_integral_value()
    pattern = {"fi": "#,##0\u00a0¤", "en": "¤#,##0"}[known_locale(locale)] if whole else None
    written = numbers.format_currency(value, currency, pattern, locale=_babel(locale), currency_digits=not whole)
    return written.replace(_NARROW_NO_BREAK_SPACE, "\u00a0")


def country_name(code: str, locale: str) -> str:
    """The name of a country, FI, or of a part of one with the part as it is, "Germany (DE-BY)"; an unknown one is its code."""
    country, _, part = code.partition("-")
    name = Locale.parse(_babel(locale)).territories.get(country, country)
    return f"{name} ({code})" if part else name


def format_size(count: int, locale: str) -> str:
    """A file's size for a reader: kB below a megabyte, MB above."""
    amount, unit = (count / 1000, "kB") if count < 1_000_000 else (count / 1_000_000, "MB")
    digits = "#,##0" if amount >= 10 else "#,##0.#"
    return f"{numbers.format_decimal(amount, digits, locale=_babel(locale))} {unit}"


def _babel(locale: str) -> str:
    return {"fi": "fi", "en": "en_GB"}[known_locale(locale)]
