"""Whether two texts are mostly the same, and whose a domain is."""

import pytest

from mailcrm.threading.domains import are_aligned, is_free_mail, organisational
from mailcrm.threading.similar import is_mostly_same

_ASKED = "What does a pump cost? We need one for our cellar before the winter comes and the ground is frozen hard."


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        (_ASKED, _ASKED.upper(), True),
        (_ASKED, _ASKED + "\n--\nSales list", True),
        (_ASKED, "Our roof leaks!", False),
        (_ASKED, "", False),
        ("", _ASKED, False),
        ("", " \n", True),
        ("one two three four five", "one two three four", True),
        ("one two three four five", "one two three", False),
    ],
)
def test_a_variant_has_most_of_the_words(first: str, second: str, is_same: bool) -> None:
    assert is_mostly_same(first, second) is is_same
    assert is_mostly_same(second, first) is is_same


def test_only_the_first_words_of_a_book_are_compared() -> None:
    book = " ".join(f"word{n}" for n in range(5000))

    assert is_mostly_same(book + " and" * 100_000, book)


def test_mail_providers_are_no_companies() -> None:
    assert is_free_mail("Gmail.com")
    assert is_free_mail("saunalahti.fi")
    assert not is_free_mail("acme.example")


def test_domains_are_aligned_below_one_registered_name() -> None:
    assert are_aligned("mail.firma.fi", "FIRMA.fi")
    assert not are_aligned("a.co.uk", "b.co.uk")
    assert not are_aligned("", "firma.fi")
    assert not are_aligned("firma.fi", "")
    assert organisational("fi") == "fi"
