"""Names of months and weekdays in the languages mail comes in, from CLDR (babel), loaded with the first that is asked for."""

from functools import cache

_LANGUAGES = (
    "en", "fi", "sv", "nb", "da", "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "sk", "ro", "hu", "et", "lv", "lt", "el", "tr",
    "ru", "uk", "hr", "sl", "bg", "ar", "is",
)  # fmt: skip
_CODES = {"no": "nb"}  # as ``language`` names them → as CLDR does
_SHORTEST_STEM = 5  # of a name with an ending of its own behind it
_LONGEST_ENDING = 4


def month_of(name: str, language: str = "") -> int:
    """1 to 12, or 0 for a word that is no month. Some names are other months in another language: Croatian "listopada"."""
    names = _months()
    word = name.casefold().rstrip(".")
    own = names.get((_CODES.get(language, language), word), 0)
    return own or names.get(("", word), 0) or _inflected(word, names)


def weekday_of(name: str) -> int:
    """0 (Monday) to 6, or -1 for a word that is no weekday."""
    names = _weekdays()
    word = name.casefold().rstrip(".")
    return (names.get(("", word), 0) or _inflected(word, names)) - 1


def _inflected(word: str, names: dict[tuple[str, str], int]) -> int:
    """Languages that write endings: Finnish "huhtikuuhun", Estonian "märtsini", Hungarian "hétfőn"."""
    for cut in range(1, _LONGEST_ENDING + 1):
        if len(word) - cut >= _SHORTEST_STEM and (number := names.get(("", word[:-cut]), 0)):
            return number
    return 0


@cache
def _months() -> dict[tuple[str, str], int]:
    """By language and name, and by name alone."""
    from babel.dates import get_month_names

    found: dict[tuple[str, str], int] = {}
    for language in _LANGUAGES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                _add(found, language, dict(get_month_names(width, context, language)))
    return found


@cache
def _weekdays() -> dict[tuple[str, str], int]:
    from babel.dates import get_day_names

    found: dict[tuple[str, str], int] = {}
    for language in _LANGUAGES:
        for context in ("format", "stand-alone"):
            names = dict(get_day_names("wide", context, language))
            _add(found, language, {day + 1: name for day, name in names.items()})
    stems = {("", name[:-1]): day for (_, name), day in found.items() if len(name) > _SHORTEST_STEM}  # "пятниц-а"
    return {**stems, **found}


def _add(found: dict[tuple[str, str], int], language: str, names: dict[int, str]) -> None:
    for number, name in names.items():
        folded = str(name).casefold().rstrip(".")
        if len(folded) >= 3 and folded.replace("-", "").isalpha():
            found[language, folded] = number
            found.setdefault(("", folded), number)
