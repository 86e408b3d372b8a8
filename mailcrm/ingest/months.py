"""Names of months in the languages mail comes in, from CLDR (babel), loaded with the first that is asked for."""

from functools import cache

_LANGUAGES = (
    "en", "fi", "sv", "nb", "da", "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "sk", "ro", "hu", "et", "lv", "lt", "el", "tr",
    "ru", "uk",
)  # fmt: skip


def month_of(name: str) -> int:
    """1 to 12, or 0 for a word that is no month."""
    return _months().get(name.casefold().rstrip("."), 0)


@cache
def _months() -> dict[str, int]:
    from babel.dates import get_month_names

    found: dict[str, int] = {}
    for language in _LANGUAGES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context, language).items():
                    folded = str(name).casefold().rstrip(".")
                    if len(folded) >= 3 and folded.isalpha():
                        found.setdefault(folded, number)
    return found
