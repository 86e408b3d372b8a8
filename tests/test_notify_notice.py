"""What a notice shows of a customer's mail: the words whole or cut where it does no harm, pictures, one thread per lead."""

import base64
import struct
import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from markupsafe import Markup
from selectolax.lexbor import LexborHTMLParser

from mailcrm.mail import Event
from mailcrm.notify.fitting import MOST_HTML, TEXT_BYTES, fitted, size_of
from mailcrm.notify.pictures import pixel_width
from mailcrm.store import tables
from tests.notify_house import House, html_of, opened_house, text_of
from tests.smtp_peer import SmtpSink
from tests.test_notify_compose import answer, customers_mail, mail_to, note

ALICE = "alice@firma.test"


@pytest.fixture
def house(tmp_path: Path, smtp_sink: SmtpSink) -> Iterator[House]:
    with opened_house(tmp_path, smtp_sink.port) as opened:
        yield opened


def png(width: int = 40, height: int = 30, size: int = 9_000) -> bytes:
    """A real picture, with a comment that makes it as large as it should be."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = zlib.compress(b"".join(b"\0" + b"\x2f\x74\xc9" * width for _ in range(height)))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    text = chunk(b"tEXt", b"Comment\0" + b"x" * size)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + text + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"


def show(house: House, message: int, filename: str, content: bytes, cid: str = "", kind: str = "image/png") -> int:
    row = house.attach(message, filename, content, kind)
    house.change(tables.attachment, row, is_inline=True, content_id=cid or filename)
    return row


def parts_of(mail: EmailMessage) -> dict[str, str]:
    return {str(part.get_filename()): part.get_content_type() for part in mail.walk() if part.get_filename()}


# --- the words


@pytest.mark.parametrize(
    "text",
    [
        "Forty chairs, please.\n" * 20_000,
        "ä & <b> " * 20_000,
        "https://shop.test/a?b=1&c=2 " * 9_000,
        "<" * 90_000,
        "word " * 13_000,
        "e\u0301" * 60_000,
        "\U0001f6cb" * 50_000,
    ],
)
def test_a_long_text_is_cut_to_its_room_between_words_and_tags(text: str) -> None:
    shown = fitted(text, TEXT_BYTES)

    assert shown.is_cut
    assert text.startswith(shown.text)
    assert TEXT_BYTES - 11_000 < size_of(shown.html) <= TEXT_BYTES
    assert LexborHTMLParser(f"<body>{shown.html}</body>").text().split() == shown.text.split()
    assert len(text.split()) == 1 or shown.text.split()[-1] in text.split()
    assert text[len(shown.text)] != "\u0301"


def test_a_text_that_fits_is_whole() -> None:
    text = "Forty chairs, & tables.\n" * 1_500
    assert fitted(text, TEXT_BYTES).text == text
    assert not fitted(text, TEXT_BYTES).is_cut
    assert fitted("", 0).html == Markup("")
    assert fitted("words", 0).text == ""


def test_what_does_not_fit_goes_along_as_a_file_and_stands_on_the_page(house: House) -> None:
    text = "Please quote chairs ä.\n" * 20_000
    mail = mail_to(house, ALICE, customers_mail(house, text=text))

    said = "The text goes on: all of it is in the file “Whole text.txt” and on the page."
    assert f"{said} https://page.firma.test/leads/1" in text_of(mail)
    assert said in html_of(mail)
    (file,) = mail.iter_attachments()
    content = file.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert file.get_filename() == "Whole text.txt"
    assert content.decode("utf-8").replace("\r\n", "\n") == text.strip()
    assert 55_000 < size_of(html_of(mail)) < MOST_HTML


def test_a_mail_with_everything_in_it_stays_under_what_clients_clip(house: House) -> None:
    text, long = "<&>\"' chairs " * 9_000, "&" * 290
    house.change(tables.partner, house.carol, name=long)
    house.change(tables.lead, house.lead, title=long, base_subject=long)
    for number in range(8):
        house.add_lead(title=f"{long} {number}")
    event = customers_mail(house, text=text, author_name=long)
    message = event.message_id or 0
    for number in range(25):
        show(house, message, f"picture {number}.png", png())
    for number in range(200):
        house.attach(message, f"{'&' * 100} {number}.exe", b"MZ" + bytes([number]))
    mail = mail_to(house, ALICE, event)

    assert size_of(html_of(mail)) <= MOST_HTML
    assert html_of(mail).rstrip().endswith("</html>")
    assert "and 195 more files on the page" in html_of(mail)
    assert html_of(mail).count("<img ") == 20
    assert "Whole text.txt" in parts_of(mail)


# --- pictures


def test_a_picture_in_a_mail_is_shown_where_its_writer_put_it(house: House) -> None:
    event = customers_mail(house, text="This one:\n[cid:image001.png@01DC]\nor [image: two.jpg]?")
    message = event.message_id or 0
    show(house, message, "image001.png", png(1800, 2), "image001.png@01DC")
    show(house, message, "two.jpg", jpeg(320, 200) + bytes(9_000), "ii_2", "image/jpeg")
    show(house, message, "three.png", png(), "third")
    mail = mail_to(house, ALICE, event)
    html = html_of(mail)

    first, second, third = (html.index(f"cid:picture-{number}@crm.firma.test") for number in (1, 2, 3))
    assert html.index("This one:") < first < html.index("or <img") < second < html.index("?", second) < third
    assert 'width="600"' in html[first : first + 120]
    assert 'width="320"' in html[second : second + 120]
    assert "[cid:" not in html
    assert "* three.png, 9.1 kB" in text_of(mail)
    related = [part for part in mail.walk() if part.get_content_type() == "multipart/related"]
    assert len(related) == 1
    ids = [part["Content-ID"] for part in related[0].iter_parts()]
    assert ids == [None, *(f"<picture-{number}@crm.firma.test>" for number in (1, 2, 3))]
    assert [p.get_content_disposition() for p in related[0].iter_parts()][1:] == ["inline"] * 3
    assert list(mail.iter_attachments()) == []


def test_what_is_no_picture_or_too_large_for_one_is_a_file_or_a_link(house: House) -> None:
    event = customers_mail(house)
    message = event.message_id or 0
    show(house, message, "drawing.svg", b"<svg onload=alert(1)>" + bytes(9_000), kind="image/svg+xml")
    show(house, message, "page.png", b"<html><script>" + bytes(9_000))
    large = show(house, message, "large.png", png(size=3_000_001))
    show(house, message, "logo.png", png(size=10))
    show(house, message, "bomb.png", png(60_000, 1))
    mail = mail_to(house, ALICE, event)

    assert "<img" not in html_of(mail)
    assert set(parts_of(mail)) == {"drawing.svg", "page.png", "bomb.png"}
    assert f"large.png, 3 MB: https://page.firma.test/attachments/{large}" in text_of(mail)


def test_the_width_of_a_picture_is_read_from_its_bytes() -> None:
    assert pixel_width(png(40, 30)) == 40
    assert pixel_width(jpeg(320, 200)) == 320
    assert pixel_width(b"GIF89a" + struct.pack("<HH", 12, 9)) == 12
    damaged = [png()[:20], jpeg(1, 1)[:6], b"GIF89a", b"", b"\xff\xd8\xff\xe0\x00\x00", jpeg(30_000, 1), b"PK\x03\x04"]
    assert [pixel_width(content) for content in damaged] == [0] * len(damaged)


def test_a_file_that_a_customer_calls_a_picture_breaks_no_html(house: House) -> None:
    event = customers_mail(house)
    show(house, event.message_id or 0, '"><script>.png', png(), '"><b>')
    mail = mail_to(house, ALICE, event)
    assert "<script" not in html_of(mail)
    assert 'alt="__&gt;__script_.png"' in html_of(mail) or "__script_.png" in html_of(mail)


# --- one thread


def test_all_notices_of_a_lead_are_one_thread_in_every_mail_client(house: House) -> None:
    house.follow(house.bob)
    mails = [
        mail_to(house, ALICE, customers_mail(house)),
        mail_to(house, ALICE, note(house)),
        mail_to(house, ALICE, Event("event_assigned", house.lead, actor_user_id=house.bob)),
        mail_to(house, ALICE, Event("receipt", house.lead, actor_user_id=house.alice, inbound_id=None, detail="1")),
        mail_to(house, ALICE, Event("loop", house.lead, detail="carol@customer.test")),
    ]
    for name in ("Subject", "References", "In-Reply-To", "Thread-Topic", "Thread-Index"):
        assert len({mail[name] for mail in mails}) == 1, name
    assert mails[0]["References"] == f"<lead-{house.lead}-{house.alice}@crm.firma.test>"
    assert mails[0]["Thread-Topic"] == mails[0]["Subject"] == "Carol Smith: Quote for 40 chairs"
    assert len(base64.b64decode(mails[0]["Thread-Index"])) == 22
    assert len({mail["Message-ID"] for mail in mails}) == len(mails)


def test_another_lead_and_another_reader_have_threads_of_their_own(house: House) -> None:
    house.follow(house.bob)
    alices = mail_to(house, ALICE, customers_mail(house))
    bobs = mail_to(house, "bob@firma.test", answer(house))
    other = house.add_lead(title="Tables")
    message = house.add_message(lead_id=other, message_id="other@customer.test")
    others = mail_to(house, ALICE, Event("message_in", other, message))
    for name in ("References", "Thread-Index"):
        assert len({mail[name] for mail in (alices, bobs, others)}) == 3
