"""Our words in Finnish and English: complete, never fuzzy, and numbers written as each language writes them."""

import ast
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from babel.messages import extract
from babel.messages.pofile import read_po

from mailcrm.i18n import LOCALES, format_date, format_datetime, format_money, format_size, known_locale, translator

ROOT = Path(__file__).parents[1]
CATALOGUES = sorted((ROOT / "mailcrm" / "locale" / "fi").glob("*.po"))
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}


def used_in_mails() -> set[str]:
    sources = [*(ROOT / "mailcrm" / "notify").glob("*.py")]
    found = extract.extract_from_dir(str(ROOT / "mailcrm" / "notify"), [("**.py", "python")], keywords=_KEYWORDS)
    templates = extract.extract_from_dir(
        str(ROOT / "templates" / "mail"), [("**.html", "jinja2"), ("**.txt", "jinja2")], keywords=_KEYWORDS
    )
    assert sources
    ids = [message for _, _, message, _, _ in (*found, *templates)]
    return {one if isinstance(one, str) else one[0] for one in ids}


def test_every_word_of_a_mail_is_there_in_finnish() -> None:
    words = translator("fi")
    assert {one for one in used_in_mails() if one not in words.singular and one not in words.plural} == set()


def used_anywhere() -> set[str]:
    """Every word marked for translation in the code, the mails and the pages."""
    code = extract.extract_from_dir(str(ROOT / "mailcrm"), [("**.py", "python")], keywords=_KEYWORDS)
    patterns = [("**.html", "jinja2"), ("**.txt", "jinja2")]
    shown = extract.extract_from_dir(str(ROOT / "templates"), patterns, keywords=_KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in (*code, *shown)}


def why_a_mail_may_not_leave() -> set[str]:
    """The sentences of the last look, which are words of a mail and of the page without a mark of their own."""
    tree = ast.parse((ROOT / "mailcrm" / "notify" / "leak.py").read_text("utf-8"))
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {one.partition(": ")[0] for one in said if one.startswith("The mail ")}


def test_no_word_of_the_code_the_mails_or_the_pages_is_missing_in_finnish() -> None:
    words = translator("fi")
    used = used_anywhere() | why_a_mail_may_not_leave()
    assert len(used) > 800
    assert len(why_a_mail_may_not_leave()) > 8
    assert {one for one in used if one not in words.singular and one not in words.plural} == set()


def test_only_the_languages_that_we_speak_have_catalogues() -> None:
    """English is what the code says; a folder for another language would have to be complete, and tested like Finnish."""
    assert sorted(path.name for path in (ROOT / "mailcrm" / "locale").iterdir() if path.is_dir()) == ["fi"]
    assert LOCALES == ("en", "fi")


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_no_translation_is_missing_fuzzy_or_names_other_values(path: Path) -> None:
    with path.open("rb") as stream:
        catalogue = read_po(stream, locale="fi")
    for message in catalogue:
        if not message.id:
            continue
        strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
        assert strings, message.id
        assert all(strings), message.id
        assert not message.fuzzy, message.id
        assert list(message.check(catalogue)) == [], message.id


def test_an_unknown_word_or_language_reads_english() -> None:
    assert translator("fi").gettext("no such words") == "no such words"
    assert translator("sv").gettext("Stage") == "Stage"
    assert translator("fi_FI").gettext("Stage") == translator("fi").gettext("Stage") == "Vaihe"
    assert known_locale("EN-us") == "en"
    assert translator("en").ngettext("one", "many", 1) == "one"
    assert translator("en").ngettext("one", "many", 0) == "many"
    assert translator("fi").ngettext("%(count)s day", "%(count)s days", 2) == "%(count)s päivää"


def test_dates_are_written_in_the_readers_language_and_zone() -> None:
    at = datetime(2026, 6, 30, 22, 5, tzinfo=UTC)
    assert format_datetime(at, "fi", "Europe/Helsinki") == "1.7.2026 klo 01.05"
    assert format_datetime(at, "en", "Europe/London") == "30 Jun 2026, 23:05"
    assert format_date(date(2026, 11, 3), "fi") == "3.11.2026"


def test_money_and_sizes_are_written_as_the_language_writes_them() -> None:
    assert format_money(Decimal("12000.00"), "EUR", "fi") == "12\xa0000\xa0€"
    assert format_money(Decimal("12000.50"), "EUR", "fi") == "12\xa0000,50\xa0€"
    assert format_money(Decimal("12000.50"), "EUR", "en") == "€12,000.50"
    assert [format_size(n, "en") for n in (0, 1499, 45_000, 2_500_000)] == ["0 kB", "1.5 kB", "45 kB", "2.5 MB"]
    assert format_size(2_500_000, "fi") == "2,5 MB"
