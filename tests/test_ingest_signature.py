"""Signatures without a delimiter: a card is folded, what a person says is not."""

import pytest

from mailcrm.ingest.body import new_text, segments
from mailcrm.ingest.signature import is_mobile_line
from mailcrm.mail import SegmentKind


def _new(text: str, writer: str = "", *, is_reply: bool = True) -> str:
    return new_text(segments(text, is_reply=is_reply, writer=writer))


@pytest.mark.parametrize(
    "closing",
    [
        "Terveisin",
        "Kesäterveisin,",
        "Mvh",
        "Mit freundlichen Grüßen",
        "Best regards / Terveisin",
        "Bien cordialement,",
        "С уважением,",
    ],
)
def test_closing_phrase_and_name_stay_and_the_card_is_folded(closing: str) -> None:
    text = f"Sopii.\n\n{closing}\n\nCarol Smith\nBuyer\nAcme Oy\n+358 40 123 4567"
    parts = segments(text, is_reply=True)
    assert [part.kind for part in parts] == [SegmentKind.NEW, SegmentKind.SIGNATURE]
    assert parts[0].text.endswith("Carol Smith")


def test_the_name_may_stand_beside_the_closing_phrase() -> None:
    assert _new("Sopii.\n\nTerv. Carol Smith\nAcme Oy, p. 040 123 4567") == "Sopii.\n\nTerv. Carol Smith"


def test_the_first_mail_of_a_lead_is_folded_in_the_same_way() -> None:
    assert _new("Hej\n\nMvh\nCarol\n070-123 45 67", is_reply=False) == "Hej\n\nMvh\nCarol"


def test_a_postscript_stays() -> None:
    text = "Sopii.\n\nTerveisin\nCarol\n040 123 4567\n\nPS. Soittakaa ensin."
    assert _new(text) == "Sopii.\n\nTerveisin\nCarol\nPS. Soittakaa ensin."


def test_a_sentence_below_the_closing_phrase_is_no_card() -> None:
    text = "Hi\n\nBest regards\n\nBut please call Tom on +44 117 496 0123 before you come."
    assert _new(text) == text


def test_a_list_with_a_head_is_no_card() -> None:
    text = "See below.\n\nRegards,\nCarol\n\nOrder:\n2 x Pump\nShip to: Acme Ltd"
    assert _new(text) == text


def test_without_a_number_an_address_or_a_company_nothing_is_folded() -> None:
    text = "Hei\n\nTerveisin\nCarol\nHelsinki"
    assert _new(text) == text


def test_somebody_elses_card_is_an_answer() -> None:
    text = "Kiitos!\n\nJohn Brown\nAcme Ltd\n+44 117 496 0199"
    assert _new(text, "Carol Smith") == text
    assert _new(text, "Brown, John") == "Kiitos!\n\nJohn Brown"


def test_the_own_name_alone_begins_a_card() -> None:
    assert _new("Otetaan.\n\nCarol Smith\nAcme Oy\n040 123 4567", "Carol Smith") == "Otetaan.\n\nCarol Smith"


def test_a_long_list_below_a_closing_phrase_is_no_signature() -> None:
    text = "Hei\n\nTerveisin\nCarol\n" + "\n".join(
        f"osoite {number}, puh. 040 123 45{number:02}" for number in range(60)
    )
    assert _new(text).count("osoite") >= 35


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("Sent from my iPhone", True),
        ("Lähetetty iPhonesta", True),
        ("Lähetetty Galaxy-puhelimesta", True),
        ("Skaffa Outlook för iOS<https://aka.ms/o0ukef>", True),
        ("Outlook voor iOS downloaden", True),
        ("iPhoneから送信", True),
        ("从我的iPhone发送", True),
        ("Sent from my desk, is much easier then my mobile phone.", False),
        ("Outlook on iOS does not open the file", False),
        ("Does Outlook work on Android?", False),
        ("iPhone", False),
    ],
)
def test_lines_that_programs_sign_with(line: str, is_one: bool) -> None:
    assert is_mobile_line(line) is is_one
