"""What must not leave the house is found wherever it hides."""

from dataclasses import replace
from email.message import EmailMessage

import pytest

from mailcrm.marker import MARKER
from mailcrm.notify.leak import Forbidden, leak

OWN = "raaaaaaaaaaaaaaaaaaaaaaaaab@crm.firma.test"
OTHER = "raaaaaaaaaaaaaaaaaaaaaaaaac@crm.firma.test"
NOTE = "The margin is thin here: do not go below 11 500 euros whatever she says."


def forbidden(known: str = "") -> Forbidden:
    staff = ("alice@firma.test", "ann@firma.test")
    lines = ("Lead 7: Quote for 40 chairs", "Stage: Assigned", "short")
    return Forbidden(
        OWN, staff, "page.firma.test", lines, (NOTE, "Kulut ovat 4 500 e.", "ok"), known, ("crm.firma.test",)
    )


def mail(text: str = "We can do that.", html: str = "", **headers: str) -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = headers.get("subject", "Re: Chairs")
    made["From"] = "Alice <sales@crm.firma.test>"
    made["Reply-To"] = OWN
    made["Message-ID"] = "<1@page.firma.test>"
    if "cc" in headers:
        made["Cc"] = headers["cc"]
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def test_an_ordinary_answer_is_clean() -> None:
    assert leak(mail("We can do that.\n\n> Could you quote?").as_bytes(), forbidden()) == ""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"Fine.\n{MARKER}\n", "marker"),
        (f"Write to {OTHER}", "reply address"),
        (f"Write to {OTHER.upper()}", "reply address"),
        ("Write to sales+aaaaaaaaaaaaaaaaaaaaaaaaac@crm.firma.test", "reply address"),
        ("I am alice@firma.test", "address of staff"),
        ("I am ALICE@Firma.test.", "address of staff"),
        ("See https://page.firma.test/leads/7", "page"),
        ("> Stage: Assigned", "line of the card"),
        ("> > the  margin is thin\n> > here: do not go below 11 500 euros", "note"),
        ("the margin > is thin here: do > not go below 11 500 | euros", "note"),
        ("By the way: kulut ovat 4 500 e.", "note"),
    ],
)
def test_a_leak_in_the_text_is_named(text: str, what: str) -> None:
    assert what in leak(mail(text).as_bytes(), forbidden())
    in_html = mail("See below.", f"<p>{text.replace(' ', ' <b></b>', 1)}</p>")
    assert what in leak(in_html.as_bytes(), forbidden())


@pytest.mark.parametrize("text", ["joann@firma.test wrote", "alice@firma.tests", "mail@page.firma.test", "short, ok"])
def test_what_only_looks_alike_is_let_through(text: str) -> None:
    assert leak(mail(text).as_bytes(), forbidden()) == ""


def test_headers_and_file_names_are_read_as_well() -> None:
    assert "staff" in leak(mail(cc="Ann <ann@firma.test>").as_bytes(), forbidden())
    assert "note" in leak(mail(subject=NOTE).as_bytes(), forbidden())
    named = mail()
    named.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Stage: Assigned.pdf")
    assert "card" in leak(named.as_bytes(), forbidden())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_text_inside_an_attachment_is_read(encoding: str) -> None:
    made = mail()
    made.add_attachment(f"x\0{NOTE}".encode(encoding), maintype="application", subtype="octet-stream", filename="a.bin")
    assert "note" in leak(made.as_bytes(), forbidden())


def test_an_attached_mail_is_read() -> None:
    made = mail()
    made.add_attachment(mail(f"> {NOTE}"))
    assert "note" in leak(made.as_bytes(), forbidden())


def test_what_the_customer_wrote_may_go_back_to_them() -> None:
    text = f"> {NOTE}\n> I asked alice@firma.test about the Stage: Assigned. Kulut ovat 4 500 e."
    assert leak(mail(text).as_bytes(), forbidden(known=text.replace(">", ""))) == ""


def test_without_a_page_there_is_no_host_to_look_for() -> None:
    assert leak(mail("https://anything.test").as_bytes(), Forbidden(OWN, (), "", (), (), "")) == ""


@pytest.mark.parametrize("name", ["notice.eml", "notice.txt"])
def test_a_notice_saved_as_a_file_is_opened_like_a_mail(name: str) -> None:
    notice = EmailMessage()
    notice["Subject"] = "Chairs"
    notice.set_content(f"{MARKER}\n{NOTE}\n", cte="base64")
    made = mail()
    made.add_attachment(notice.as_bytes(), maintype="application", subtype="octet-stream", filename=name)
    assert leak(made.as_bytes(), forbidden())


@pytest.mark.parametrize("charset", ["utf-8", "cp1252", "utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize("around", [b"", b"\xd0\xcf\x11\xe0\0\0", b"\0\x01\xff"])
def test_a_note_in_a_file_is_found_in_any_letters(charset: str, around: bytes) -> None:
    made = mail()
    content = around + f"Sisäpiirissä: {NOTE}".encode(charset) + around
    made.add_attachment(content, maintype="application", subtype="octet-stream", filename="a")
    assert "note" in leak(made.as_bytes(), forbidden())


def test_a_note_in_a_page_in_a_file_is_found_between_tags_and_entities() -> None:
    made = mail()
    page = "<b>" + NOTE.replace(" ", "</b>&#32;<b>") + "</b>"
    made.add_attachment(page.encode(), maintype="application", subtype="octet-stream", filename="a.html")
    assert "note" in leak(made.as_bytes(), forbidden())


@pytest.mark.parametrize("start", range(0, len(NOTE) - 40, 7))
def test_forty_characters_of_a_note_are_found_wherever_they_stand(start: int) -> None:
    for shift in range(20):
        text = "x" * shift + " " + NOTE[start : start + 40] + " and so on"
        assert "note" in leak(mail(text).as_bytes(), forbidden())
        assert leak(mail(text).as_bytes(), forbidden(known=NOTE)) == ""


def test_a_mail_to_somebody_who_is_not_on_the_lead_is_held() -> None:
    found = leak(mail().as_bytes(), replace(forbidden(), strangers=("eve@other.example",)))
    assert found == "The mail goes to somebody who is not on this lead: eve@other.example"


def test_a_file_of_another_customer_is_held() -> None:
    found = leak(mail().as_bytes(), replace(forbidden(), files_of_others=("margins.pdf",)))
    assert found == "The mail holds a file of another customer: margins.pdf"


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ("<p>We can do that. And more.</p>", "its text does not say"),
        ("<p>/won 12000</p>", "command"),
        ("<p>We can</p><div>/won 12000</div>", "command"),
        ("<p>We can do that.<br>\u200b/won 12000</p>", "command"),
        (f'<p>We can do <a href="mailto:{OTHER}">that</a>.</p>', "reply address"),
        (f'<p>We can do <a href="mailto:{OTHER.replace("@", "%40")}">that</a>.</p>', "reply address"),
        (f'<p>We can do <a href="mailto:{OTHER.replace("@", "&#64;")}">that</a>.</p>', "reply address"),
        ('<p>We can do <a href="https://x.example/?to=alice%40firma.test">that</a>.</p>', "address of staff"),
        ('<p>We can do <a href="https://x.example/?u=https%253A%252F%252Fpage.firma.test%252F">that</a>.</p>', "page"),
        ('<p title="alice@firma.test">We can do that.</p>', "address of staff"),
        (f"<!-- {NOTE} --><p>We can do that.</p>", "note"),
        (f'<p title="{NOTE}">We can do that.</p>', "note"),
        (f"<style>{NOTE}</style><p>We can do that.</p>", "note"),
        (f"<p>{'<b></b>'.join(NOTE)}</p>", "note"),
        (f"<p>{'&#8203;'.join(NOTE)}</p>", "note"),
        (f"<p>{NOTE.replace(' ', '</p><p>')}</p>", "note"),
        (f"<p>{''.join(f'&#{ord(c)};' for c in NOTE)}</p>", "note"),
        (f'<img src="https://x.example/{NOTE.replace(" ", "%20")}.gif"><p>We can do that.</p>', "note"),
    ],
)
def test_a_leak_in_any_place_of_the_html_is_named(page: str, what: str) -> None:
    assert what in leak(mail("We can do that.", page).as_bytes(), forbidden())


def test_letters_that_nobody_sees_hide_nothing() -> None:
    assert "note" in leak(mail("\u200b".join(NOTE)).as_bytes(), forbidden())
    assert "note" in leak(mail("\xad".join(NOTE)).as_bytes(), forbidden())
    assert "staff" in leak(mail("I am alice\u2060@firma.test").as_bytes(), forbidden())
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in NOTE)
    assert "note" in leak(mail(wide).as_bytes(), forbidden())


def test_html_that_says_what_the_text_says_is_clean() -> None:
    text = "Hello *Carol*,\n\n  1. a pump\n  2. a valve\n\nSee us <https://firma.example/>\n\n> Could you quote?"
    page = (
        "<div>Hello <b>Carol</b>,</div><ol><li>a pump</li><li>a valve</li></ol><p>See <a href='https://firma.example/'>us</a></p>"
        "<blockquote>Could you quote?</blockquote>"
    )
    assert leak(mail(text, page).as_bytes(), forbidden()) == ""
