"""What a salesperson formatted reaches the customer formatted, and nothing else of their mail does. Over real sockets."""

import struct
from collections.abc import Sequence
from email.message import EmailMessage
from html import escape

import pytest

from tests.daemon_house import House, answer, mail
from tests.journey_steps import (
    ALICE,
    CAROL_AT,
    carol_writes,
    everything,
    note_address,
    outcome,
    plain,
    reply_address,
)
from tests.smtp_peer import CaughtMail
from tests.test_pictures import chunk, exif, jpeg, png, segment

PHOTO = jpeg(segment(0xE1, exif(6)), segment(0xFE, b"x" * 9_000 + b"canary77"))
LOGO = png(chunk(b"tEXt", b"logo"))


def shown(caught: CaughtMail) -> str:
    part = caught.parsed().get_body(("html",))
    return str(part.get_content()) if part else ""


def pictures(caught: CaughtMail) -> list[EmailMessage]:
    return [part for part in caught.parsed().walk() if part.get_content_maintype() == "image"]


def quoted(notice: CaughtMail) -> tuple[str, str]:
    """The notice as Gmail quotes it, as text and as HTML."""
    attribution = f"On Mon, 23 Nov 2026 at 10:00, {notice.parsed()['From']} wrote:"
    text = f"\n\n{attribution}\n\n" + "".join(f"> {line}\n" for line in plain(notice).splitlines())
    html = (
        f'<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">{attribution.replace("<", "&lt;")}<br></div>'
        f'<blockquote class="gmail_quote" style="margin:0">{shown(notice)}</blockquote></div>'
    )
    return text, html


def reply(
    notice: CaughtMail, text: str, html: str, images: Sequence[tuple[str, bytes]] = (), *, address: str = ""
) -> EmailMessage:
    """Alice's answer with both parts, the notice quoted below; images are shown by their Content-IDs."""
    quoted_text, quoted_html = quoted(notice)
    threaded = [("In-Reply-To", str(notice.parsed()["Message-ID"])), ("References", str(notice.parsed()["Message-ID"]))]
    made = mail(
        ALICE,
        address or reply_address(notice),
        f"Re: {notice.parsed()['Subject']}",
        text + quoted_text,
        headers=threaded,
    )
    made.add_alternative(f'<div dir="ltr">{html}</div>{quoted_html}', subtype="html")
    for content_id, content in images:
        part = made.get_body(("html",))
        assert isinstance(part, EmailMessage)
        kind = "jpeg" if content.startswith(b"\xff\xd8") else "png"
        part.add_related(content, "image", kind, cid=f"<{content_id}>", filename=f"{content_id} canary77.{kind}")
    return made


def carols(house: House) -> CaughtMail:
    assert len(house.to(CAROL_AT)) == 1, outcome(house)
    return house.notice(CAROL_AT)


def test_bold_lists_tables_and_links_reach_the_customer(house: House) -> None:
    notice = carol_writes(house)
    html = (
        "<div>/won 12000</div><div><br></div><div>Hello <b>Carol</b>,</div><ul><li>pump</li><li>valve</li></ul>"
        '<table border="1"><tr><td>Pump</td><td>500 €</td></tr></table><div>See <a href="https://firma.example/p">this</a></div>'
    )
    text = "/won 12000\n\nHello *Carol*,\n\n   - pump\n   - valve\n\nPump 500 €\nSee this <https://firma.example/p>"

    house.staff(reply(notice, text, html))

    left = carols(house)
    for kept in ("<b>Carol</b>", "<li>valve</li>", "500 €</td>", '<a href="https://firma.example/p">this</a>'):
        assert kept in shown(left)
    assert "What does a pump cost?" in shown(left)
    for inside in ("won", "mailcrm", "alice@", "Stage", note_address(notice), "gmail"):
        assert inside not in everything(left)
    (row,) = house.chatter(house.leads()[0].id, "email_out")
    assert row.html == row.letter_html
    assert "<b>Carol</b>" in row.html
    assert "mailcrm" not in row.html


def test_a_pasted_picture_stays_in_its_place_without_what_it_tells(house: House) -> None:
    notice = carol_writes(house)
    html = '<div>This one:</div><div><img src="cid:ii_1" alt="pump.jpg"></div><div>Regards</div>'

    house.staff(reply(notice, "This one:\n[image: pump.jpg]\nRegards", html, [("ii_1", PHOTO)]))

    left = carols(house)
    (picture,) = pictures(left)
    content_id = str(picture["Content-ID"]).strip("<>")
    assert f'<img src="cid:{content_id}"' in shown(left)
    assert picture.get_content_disposition() == "inline"
    assert picture.get_filename() == "picture-1.jpg"
    assert "ii_1" not in everything(left)
    assert "canary77" not in everything(left)
    assert b"GPS" not in picture.get_payload(decode=True)
    assert left.parsed().get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in left.parsed().walk()][2] == "multipart/related"


def test_a_logo_below_the_signature_does_not_leave(house: House) -> None:
    notice = carol_writes(house)
    html = '<div>500 <b>euros</b>.</div><div>-- </div><div>Alice</div><div><img src="cid:logo"></div>'

    house.staff(reply(notice, "500 *euros*.\n\n-- \nAlice\n[image: logo.png]", html, [("logo", LOGO)]))

    left = carols(house)
    assert "<b>euros</b>" in shown(left)
    assert pictures(left) == []


@pytest.mark.parametrize("is_certain", [True, False])
def test_a_picture_of_a_note_stays_inside_with_the_note(house: House, is_certain: bool) -> None:
    notice = carol_writes(house)
    html = '<div>500 <b>euros</b>.</div><div>/note see canary77</div><div><img src="cid:secret"></div>'
    text = f"500 {'*euros*' if is_certain else 'pounds'}.\n\n/note see canary77\n[image: secret]"

    house.staff(reply(notice, text, html, [("secret", PHOTO)]))

    left = carols(house)
    assert ("<b>euros</b>" in shown(left)) is is_certain
    assert pictures(left) == []
    assert "canary77" not in everything(left)
    lead_id = house.leads()[0].id
    (note,) = house.chatter(lead_id, "note")
    assert "canary77" in note.new_text


@pytest.mark.parametrize("src", ["CID:secret", "cid:sec%72et", "&#99;id:secret", "cid:<secret>"])
def test_a_picture_of_a_note_stays_inside_however_the_text_names_it(house: House, src: str) -> None:
    notice = carol_writes(house)
    html = f'<div>500 <b>euros</b>.</div><div>/note see canary77</div><div><img src="{src}"></div>'

    house.staff(reply(notice, "500 *euros*.\n\n/note see canary77\n[image: secret]", html, [("secret", PHOTO)]))

    assert pictures(carols(house)) == []


@pytest.mark.parametrize(("text", "count"), [("500.\n\n/note see canary77", 0), ("500. See the picture.", 1)])
def test_a_phones_picture_stays_inside_where_there_is_a_note(house: House, text: str, count: int) -> None:
    made = answer(carol_writes(house), ALICE, text)
    made.add_attachment(PHOTO, "image", "jpeg", filename="IMG_1.jpeg", disposition="inline")

    house.staff(made)

    assert len(pictures(carols(house))) == count


def test_a_letter_with_an_invitation_keeps_its_looks_and_leaves_the_logo_here(house: House) -> None:
    notice = carol_writes(house)
    ask = "/invite in 2 weeks at 14 Look at <it> @ Factory Road 5"
    html = f'<div>{escape(ask)}</div><div>Hi <b>Carol</b>, shall I come?</div><div id="Signature"><img src="cid:logo"></div>'

    house.staff(reply(notice, f"{ask}\n\nHi *Carol*, shall I come?", html, [("logo", LOGO)]))

    left = carols(house)
    assert "Hi <b>Carol</b>, shall I come?" in shown(left)
    assert "<p>Invitation: Look at &lt;it&gt;<br>When: " in shown(left)
    assert "Where: Factory Road 5" in plain(left)
    assert pictures(left) == []


def test_where_the_parts_differ_only_the_text_leaves(house: House) -> None:
    notice = carol_writes(house)

    house.staff(reply(notice, "500 euros.", "<div>We <b>take</b> 400 euros, canary77.</div>"))

    left = carols(house)
    assert "500 euros." in shown(left)
    assert "canary77" not in everything(left)
    assert "<b>" not in shown(left)


def test_answers_between_the_quoted_lines_leave_as_text(house: House) -> None:
    notice = carol_writes(house)
    made = reply(notice, "See below.", "<div>See <b>below</b>.</div>")
    said = made.get_body(("plain",))
    assert isinstance(said, EmailMessage)
    said.set_content(said.get_content().replace("> What does", "500 euros, we say.\n> What does"))

    house.staff(made)

    left = carols(house)
    assert "500 euros, we say." in plain(left)
    assert "500 euros, we say." in shown(left)
    assert "<b>" not in shown(left)


def test_a_tracking_picture_a_hidden_text_and_a_script_do_not_leave(house: House) -> None:
    notice = carol_writes(house)
    html = (
        '<div>500 <b>euros</b>.<img src="https://track.example/canary77.gif" width="1"><span style="display:none">canary77</span>'
        "<!-- canary77 --><script>canary77</script></div>"
    )

    house.staff(reply(notice, "500 *euros*.", html))

    left = carols(house)
    assert "<b>euros</b>" in shown(left)
    assert "canary77" not in everything(left)


@pytest.mark.parametrize(
    "target",
    ["http://crm-page.firma.test/leads/1", "https://x.example/?to=alice%40firma.test", "mailto:alice@firma.test",
     "https://safe.example/?url=http%3A%2F%2Fcrm%2Dpage%2Efirma%2Etest%2Fleads%2F1"],
)  # fmt: skip
def test_a_link_that_tells_of_the_house_is_held_and_asked_about(house: House, target: str) -> None:
    notice = carol_writes(house)

    house.staff(reply(notice, "See this.", f'<div>See <a href="{target}">this</a>.</div>'))

    assert house.to(CAROL_AT) == ()
    assert "Nothing was sent" in plain(house.notice("alice@firma.test"))


def test_a_mail_that_its_writer_released_with_a_word_keeps_its_looks(house: House) -> None:
    """The line that was not understood is left out of both."""
    notice = carol_writes(house)
    html = "<div>/wno 12000</div><div><br></div><div>Hello <b>Carol</b></div>"
    house.staff(reply(notice, "/wno 12000\n\nHello *Carol*", html))
    assert house.to(CAROL_AT) == ()
    question = house.notice("alice@firma.test")

    house.staff(answer(question, ALICE, "send"))

    left = carols(house)
    assert "<b>Carol</b>" in shown(left)
    assert "wno" not in everything(left)


def test_a_letter_in_text_alone_gets_links_and_line_breaks(house: House) -> None:
    notice = carol_writes(house)

    house.staff(answer(notice, ALICE, "500 euros.\nhttps://firma.example/p"))

    link = '<a href="https://firma.example/p">https://firma.example/p</a>'
    assert f"500 euros.<br>{link}" in "".join(shown(carols(house)).splitlines())


# --- winmail.dat ---------------------------------------------------------------------------------------------------------


def tnef(*objects: tuple[int, int, bytes]) -> bytes:
    """A winmail.dat of these objects: level, name, content."""
    found = b"\x78\x9f\x3e\x22\x01\x00"
    for level, name, content in objects:
        found += struct.pack("<BHHI", level, name, 6, len(content)) + content + struct.pack("<H", sum(content) % 65536)
    return found


def properties(*pairs: tuple[int, int, bytes]) -> bytes:
    found = struct.pack("<I", len(pairs))
    for kind, key, content in pairs:
        found += struct.pack("<HHII", kind, key, 1, len(content)) + content + b"\0" * (-len(content) % 4)
    return found


def packed(name: str, content: bytes) -> tuple[tuple[int, int, bytes], ...]:
    return ((2, 0x9002, bytes(14)), (2, 0x8010, name.encode() + b"\0"), (2, 0x800F, content))


def with_winmail(notice: CaughtMail, text: str, content: bytes) -> EmailMessage:
    made = mail(ALICE, reply_address(notice), "Re: Pump", text)
    made.add_attachment(content, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    return made


def test_the_files_of_a_winmail_leave_and_the_winmail_does_not(house: House) -> None:
    notice = carol_writes(house)
    html = properties((0x102, 0x1013, b"<html><body><p>500 <b>euros</b>.</p></body></html>"))

    house.staff(with_winmail(notice, "500 euros.", tnef((1, 0x9003, html), *packed("prices.pdf", b"%PDF prices"))))

    left = carols(house)
    names = [part.get_filename() for part in left.parsed().walk() if part.get_filename()]
    assert names == ["prices.pdf"]
    assert "500 <b>euros</b>." in shown(left)
    assert b"\x78\x9f\x3e\x22" not in left.raw


@pytest.mark.parametrize(
    "content",
    [
        tnef(*packed("prices.pdf", b"%PDF prices"))[:-9],
        tnef(*packed("notice.eml", b"From: x\r\n\r\nx")),
        tnef((2, 0x9002, bytes(14)), (2, 0x8010, b"prices.pdf\0")),
        tnef((2, 0x9002, bytes(14)), (2, 0x9005, properties((0x0D, 0x3701, bytes(16) + b"\x78\x9f\x3e\x22 a mail")))),
    ],
    ids=["cut short", "a mail as a file", "a file without content", "a mail inside"],
)
def test_a_winmail_that_cannot_be_read_whole_is_held(house: House, content: bytes) -> None:
    notice = carol_writes(house)

    house.staff(with_winmail(notice, "500 euros.", content))

    assert house.to(CAROL_AT) == ()
    assert outcome(house) == ("hold", "staff_reply_unreadable_part")


def test_a_mail_whose_words_stand_in_a_closed_part_is_held(house: House) -> None:
    """A body in RTF alone: its files would leave without a word."""
    notice = carol_writes(house)
    rtf = properties((0x102, 0x1009, b"\x10\0\0\0\x04\0\0\0LZFu\0\0\0\0abcd"))

    house.staff(with_winmail(notice, "", tnef((1, 0x9003, rtf), *packed("prices.pdf", b"%PDF prices"))))

    assert house.to(CAROL_AT) == ()
    assert outcome(house) == ("hold", "staff_reply_unreadable_part")
