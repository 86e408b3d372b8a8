"""Lines that nobody wrote: gateways' banners, disclaimers, help desks' lines."""

import pytest

from mailcrm.ingest.body import new_text, segments
from mailcrm.mail import SegmentKind

FOOTER, NEW, QUOTE = SegmentKind.FOOTER, SegmentKind.NEW, SegmentKind.QUOTE


@pytest.mark.parametrize(
    "banner",
    [
        "CAUTION: This email originated from outside the organization. Do not click links.",
        "[EXTERNAL]",
        "*** External email: be careful with attachments ***",
        "Tämä viesti tuli organisaation ulkopuolelta. Varo linkkejä.",
        "VARNING! Extern avsändare. Klicka inte på länkar.",
        "Diese E-Mail kommt von außerhalb der Organisation. Vorsicht bei Anhängen.",
        "Ce message provient d'un expéditeur externe : attention aux liens.",
        "Denne e-posten kommer fra utenfor organisasjonen. Vær forsiktig med vedlegg og klikk ikke på lenker.",
        "Wiadomość od zewnętrznego nadawcy. Uwaga na załączniki.",
        "Внимание: письмо от внешнего отправителя, не открывайте вложения.",
        "外部からのメールです。添付ファイルに注意してください。",
        "You don't often get email from carol@x.example. Learn why this is important",
    ],
)
@pytest.mark.parametrize("is_reply", [True, False])
def test_a_banner_at_the_top_is_footer(banner: str, is_reply: bool) -> None:
    parts = segments(f"{banner}\n\nHei Alice,\nsopii.", is_reply=is_reply)
    assert [part.kind for part in parts] == [FOOTER, NEW]
    assert new_text(parts) == "Hei Alice,\nsopii."


def test_words_directly_below_a_banner_stay() -> None:
    text = "CAUTION: This email originated from outside the organization. Do not click links.\nHi Alice,\nyes."
    assert new_text(segments(text, is_reply=True)) == "Hi Alice,\nyes."


def test_a_banner_wrapped_over_lines_and_ruled_off_is_footer_as_a_whole() -> None:
    text = (
        "CAUTION: This email originated from outside the organization and nobody\n"
        "knows who wrote it, so be warned.\n____________\n\nYes."
    )
    assert new_text(segments(text, is_reply=True)) == "Yes."


@pytest.mark.parametrize(
    "words",
    [
        "The samples come from outside your organisation, as agreed.",
        "Huom! Tilaus on lähetetty eilen, linkit liitteessä.",
        "Please click the link in the attachment.",
    ],
)
def test_what_a_person_says_of_links_or_of_outside_stays(words: str) -> None:
    assert new_text(segments(f"{words}\n\nHei", is_reply=True)) == f"{words}\n\nHei"


def test_a_disclaimer_below_a_card_is_footer_with_its_title_and_all_paragraphs() -> None:
    text = (
        "Yes.\n\nRegards\nCarol\nAcme Ltd\n\n-----------------\n\n"
        "This e-mail and any attachments are confidential. If you received it in error, please delete it.\n\n"
        "We accept no liability for viruses or for changes made by unauthorised people.\n\nGreen Acme"
    )
    parts = segments(text, is_reply=True)
    assert new_text(parts) == "Yes.\n\nRegards\nCarol\nGreen Acme"
    assert [part.kind for part in parts] == [NEW, SegmentKind.SIGNATURE, FOOTER, NEW]


@pytest.mark.parametrize(
    "words",
    [
        "This information is confidential, please do not disclose it to the other bidders before Friday.",
        "Tämä viesti on tarkoitettu Pekalle: ilmoita, milloin voit tulla hakemaan avaimet toimistolta.",
        "Please delete the old offer from your system, it was sent in error and the prices were wrong.",
    ],
)
def test_a_person_who_asks_for_secrecy_is_heard(words: str) -> None:
    assert new_text(segments(f"Hei,\n\n{words}\n\nCarol", is_reply=True)) == f"Hei,\n\n{words}\n\nCarol"


def test_a_privacy_notice_is_footer_below_a_card_only() -> None:
    notice = "Läs mer om hur vi behandlar personuppgifter på www.kunden.example/gdpr"
    assert new_text(segments(f"Ok!\n\nMvh\nKarin\n08-123 45 67\n\n{notice}", is_reply=True)) == "Ok!\n\nMvh\nKarin"
    assert new_text(segments(f"Hej!\n\n{notice}", is_reply=True)) == f"Hej!\n\n{notice}"


def test_a_mail_that_is_nothing_but_a_disclaimer_shows() -> None:
    text = "This e-mail is confidential. If you are not the intended recipient, delete it."
    assert new_text(segments(text, is_reply=True)) == text


@pytest.mark.parametrize(
    "line",
    [
        "##- Please type your reply above this line -##",
        "--- Vastaa tämän rivin yläpuolelle ---",
        "Skriv ditt svar ovanför denna rad",
        "Bitte antworten Sie oberhalb dieser Linie",
        "— Répondre au-dessus de cette ligne —",
    ],
)
def test_below_a_help_desks_line_stands_what_the_help_desk_wrote(line: str) -> None:
    answered = segments(f"Toimii.\n\n{line}\nYour request was updated.", is_reply=True)
    assert [part.kind for part in answered] == [NEW, QUOTE]
    unanswered = segments(f"{line}\nYour request was updated.", is_reply=True)
    assert [part.kind for part in unanswered] == [FOOTER, NEW]


def test_an_answer_below_a_quoted_help_desks_line_is_new() -> None:
    text = "> Vastaa tämän rivin yläpuolelle\n> Toimiiko?\n\nToimii."
    assert new_text(segments(text, is_reply=True)) == "Toimii."


@pytest.mark.parametrize("is_reply", [True, False])
def test_the_armour_of_a_signed_text_is_footer(is_reply: bool) -> None:
    text = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSopii.\n-----BEGIN PGP SIGNATURE-----\n\niQ\n=ab\n"
        "-----END PGP SIGNATURE-----\n"
    )
    assert new_text(segments(text, is_reply=is_reply)) == "Sopii."


def test_armour_without_an_end_shows() -> None:
    assert "iQ" in new_text(segments("Sopii.\n-----BEGIN PGP SIGNATURE-----\n\niQ", is_reply=True))
