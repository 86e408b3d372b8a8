"""Forwarded mails: what is a level of a forward and what is not."""

import pytest

from mailcrm.ingest.forward import forwarded, is_unknown_prefix, mailboxes, names_forward, with_inner
from mailcrm.ingest.headerblock import is_end_mark
from mailcrm.mail import Address, Forwarded

BLOCK = (
    "Lähettäjä: Carol Smith <carol@asiakas.example>\nLähetetty: 4.3.2024 14:05\n"
    "Vastaanottaja: a@firma.example; b@firma.example\nAihe: Näytteet\n\nHei\n"
)


def test_a_replys_header_block_is_no_forward() -> None:
    assert forwarded(BLOCK) == ()


def test_the_prefix_of_the_subject_makes_it_a_forward() -> None:
    (level,) = forwarded(BLOCK, is_forward=True)
    assert level.from_ == Address("Carol Smith", "carol@asiakas.example")
    assert [address.address for address in level.to] == ["a@firma.example", "b@firma.example"]
    assert (level.date, level.subject, level.body) == ("4.3.2024 14:05", "Näytteet", "Hei")


def test_a_separator_line_makes_it_a_forward() -> None:
    assert forwarded("-------- Välitetty viesti --------\n" + BLOCK)[0].subject == "Näytteet"


def test_two_labels_are_too_few() -> None:
    assert forwarded("Lähettäjä: x\nAihe: y\n", is_forward=True) == ()


def test_attached_mails_follow_those_in_the_text() -> None:
    attached = Forwarded(None, (), (), "", "Liite", "")
    assert [level.subject for level in forwarded(BLOCK, (attached,), is_forward=True)] == ["Näytteet", "Liite"]


def test_an_attribution_line_is_enough_below_a_forward_prefix() -> None:
    (level,) = forwarded(
        "On 4 Mar 2024, at 14:05, Carol Smith <carol@asiakas.example> wrote:\n\nHi", is_forward=True, subject="Samples"
    )
    assert level.from_ == Address("Carol Smith", "carol@asiakas.example")
    assert (level.subject, level.body) == ("Samples", "Hi")


def test_mailboxes_are_read_as_programs_print_them() -> None:
    assert mailboxes("Smith, Carol <carol@a.example>; 'Bob' [mailto:bob@a.example], d@a.example (Dan)") == (
        Address("Smith, Carol", "carol@a.example"),
        Address("Bob", "bob@a.example"),
        Address("Dan", "d@a.example"),
    )


def test_a_name_without_address_is_kept() -> None:
    assert mailboxes("Carol Smith") == (Address("Carol Smith", ""),)


def test_vs_is_a_forward_where_danes_and_norwegians_write_it() -> None:
    head = "Fra: Ola <ola@x.example>\nSendt: mandag\nTil: post@firma.example\nEmne: Spørsmål\n"
    assert names_forward("VS: Spørsmål", head)
    assert not names_forward("VS: Kysymys", BLOCK)
    assert not names_forward("SV: Spørsmål", head)


def test_a_prefix_of_no_list_is_known_by_the_forwarded_subject() -> None:
    levels = forwarded("Välitetty viesti alkaa:\n\n" + BLOCK)
    assert is_unknown_prefix("Eteenpäin: Näytteet", levels)
    assert not is_unknown_prefix("Näytteet", levels)
    assert not is_unknown_prefix("Näytteet", ())


def test_labels_without_colons_are_read_below_a_separator() -> None:
    text = '------ Forwarded Message ------\nFrom "Carol" <carol@x.example>\nTo b@x.example\nDate 4/3/2024\nSubject Hi\n\nBody'
    (level,) = forwarded(text)
    assert level.from_ == Address("Carol", "carol@x.example")
    assert (level.subject, level.body) == ("Hi", "Body")


@pytest.mark.parametrize(
    ("line", "is_forward"),
    [
        ("----- Message transmis -----", True),
        ("-------- Перенаправленное сообщение --------", True),
        ("----- Weitergeleitet von Max/Firma am 04.03.2024 15:00 -----", True),
        ("-----Alkup. viesti-----", False),
    ],
)
def test_words_between_dashes_are_told_by_their_stems(line: str, is_forward: bool) -> None:
    assert bool(forwarded(f"{line}\n\n{BLOCK}")) is is_forward


def test_a_forward_that_does_not_say_whose_mail_it_was() -> None:
    assert forwarded("Begin forwarded message:\nHello", is_forward=True) == (Forwarded(None, (), (), "", "", "Hello"),)
    assert forwarded("Begin forwarded message:\nHello") == ()


def test_a_subject_wrapped_as_in_a_mail_is_read_whole() -> None:
    (level,) = forwarded("From: a@x.example\nTo: b@x.example\nSubject: one\n two\n\nHi", is_forward=True)
    assert (level.subject, level.body) == ("one two", "Hi")


def test_an_attached_forward_has_its_own_levels() -> None:
    attached = Forwarded(Address("Ann", "ann@firma.example"), (), (), "", "VL: Näytteet", "Katso.\n\n" + BLOCK)
    outer, inner = with_inner((attached,))
    assert (outer.body, inner.subject, inner.body) == ("Katso.", "Näytteet", "Hei")
    assert with_inner((Forwarded(None, (), (), "", "Näytteet", BLOCK),))[0].body == BLOCK


@pytest.mark.parametrize(
    ("line", "is_end"),
    [
        ("----- End forwarded message -----", True),
        ("-------- Конец пересылаемого сообщения --------", True),
        ("----- Ende der weitergeleiteten Nachricht -----", True),
        ("----- Forwarded message -----", False),
        ("----- End of the list -----", False),
        ("End forwarded message", False),
    ],
)
def test_where_a_forwarded_mail_ends(line: str, is_end: bool) -> None:
    assert is_end_mark(line) is is_end
    (level,) = forwarded(f"---------- Forwarded message ---------\n{BLOCK}{line}\n", is_forward=True)
    assert (level.body == "Hei") is is_end
