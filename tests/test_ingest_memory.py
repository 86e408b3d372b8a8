"""Quotes by memory: known texts are told from the person's words, whatever the client did to them."""

import time

from mailcrm.ingest.body import new_text, segments
from mailcrm.ingest.memory import Known, fold_known, may_hold_quote
from mailcrm.mail import SegmentKind

OURS = (
    "Hei Carol,\n\nmontako näytettä tarvitsette, ja minkä värisinä?\n"
    "Mihin osoitteeseen ne toimitetaan viikolla kymmenen?\n\nTerveisin\nAlice Myyjä\nFirma Oy"
)


def _new(text: str, *known: str) -> str:
    return new_text(fold_known(segments(text, is_reply=True), tuple(Known(one, one) for one in known or (OURS,))))


def test_a_known_text_without_any_mark_is_quote() -> None:
    wrapped = OURS.replace("tarvitsette, ja", "tarvitsette,\nja")
    assert _new(f"Kaksi, sinisinä.\n\n{wrapped}") == "Kaksi, sinisinä."


def test_an_answer_below_an_unmarked_quote_is_new() -> None:
    text = f"ma 4.3.2024 klo 14.05 Alice Myyjä (alice@firma.example) kirjoitti:\n\n{OURS}\n\nKaksi, Tehtaankatu 1."
    assert _new(text) == "Kaksi, Tehtaankatu 1."


def test_answers_between_the_lines_of_a_header_blocks_mail_are_new() -> None:
    answered = OURS.replace("sinä?\n", "sinä?\nKaksi, sinisinä.\n").replace("kymmenen?", "kymmenen?\nTehtaankatu 1.")
    block = "Lähettäjä: Alice <alice@firma.example>\nLähetetty: 4.3.2024 14.05\nVastaanottaja: Carol\nAihe: Näytteet"
    parts = fold_known(segments(f"Vastaukset alla.\n\n{block}\n\n{answered}", is_reply=True), (Known(OURS, OURS),))
    assert new_text(parts) == "Vastaukset alla.\n\nKaksi, sinisinä.\nTehtaankatu 1."
    assert "\n".join(part.text for part in parts).count("\n") == f"Vastaukset alla.\n\n{block}\n\n{answered}".count(
        "\n"
    )


def test_an_older_mail_below_the_known_one_stays_quote() -> None:
    older = (
        "From: Dan <dan@x.example>\nSent: Monday, 4 March 2024 10:00\nTo: Alice\nSubject: x\n\nSomething we never saw."
    )
    text = f"Kaksi.\n\nOn 4 March 2024 at 14:05, Alice <alice@firma.example> wrote:\n\n{OURS}\n\n{older}"
    assert _new(text) == "Kaksi."


def test_a_quote_of_which_only_a_part_is_known_is_left_as_it_was() -> None:
    text = "Kaksi.\n\nOn 4 March 2024 at 14:05, Alice <alice@firma.example> wrote:\n\nHei Carol,\n\nJotain aivan muuta."
    assert _new(text) == "Kaksi."


def test_short_words_that_both_use_are_no_quote() -> None:
    text = "Hei Carol,\n\nkiitos!\n\nTerveisin\nAlice Myyjä"
    assert _new(text) == text


def test_a_mail_that_is_nothing_but_the_known_text_shows() -> None:
    assert _new(OURS) == OURS


def test_the_quoted_signature_of_a_known_text_is_no_answer() -> None:
    text = f"Kaksi.\n\nalice@firma.example wrote:\n\n{OURS}"
    known = (Known(OURS, OURS.partition("Terveisin")[0]),)
    assert new_text(fold_known(segments(text, is_reply=True), known)) == "Kaksi."


def test_without_known_texts_nothing_changes() -> None:
    parts = segments(OURS, is_reply=True)
    assert fold_known(parts, ()) == parts


def test_only_unclear_mails_ask_for_the_known_texts() -> None:
    assert not may_hold_quote(
        segments("Kiitos.\n\nOn 4.3.2024 14:05 a@b.example wrote:\n> vanhaa\n\n> ja", is_reply=True)
    )
    assert may_hold_quote(segments(f"Kiitos.\n\na@b.example wrote:\n\n{OURS}", is_reply=True))
    assert may_hold_quote(segments(OURS * 3, is_reply=True))


def test_many_lines_are_told_in_time() -> None:
    parts = segments("\n".join(f"rivi {number} jossa on sanoja" for number in range(1_900)), is_reply=True)
    texts = ("\n".join(f"toinen {n} {m} sana" for m in range(1_000)) for n in range(8))
    known = tuple(Known(text, text) for text in texts)
    started = time.process_time()
    assert fold_known(parts, known)[0].kind is SegmentKind.NEW
    assert time.process_time() - started < 1.0
