"""Notices over real sockets: a pressed button does what it says and nothing more, pictures and long texts arrive, a burst is
one mail, and everybody says what comes how."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import select, update

from mailcrm.notify.fitting import MOST_HTML, size_of
from mailcrm.store.tables import user
from tests.daemon_house import SALES, House, answer, mail
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB,
    BOB_AT,
    CAROL,
    CAROL_AT,
    OTTO,
    carol_writes,
    everything,
    kinds,
    note_address,
    outcome,
    owner_name,
    plain,
)
from tests.smtp_peer import CaughtMail
from tests.test_journey_commands import planned, the_lead
from tests.test_notify_notice import png


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    return make_house()


def html(caught: CaughtMail) -> str:
    part = caught.parsed().get_body(("html",))
    return str(part.get_content()) if part else ""


def buttons(caught: CaughtMail) -> dict[str, str]:
    """Label and link of each button that opens a mail to us."""
    nodes = LexborHTMLParser(html(caught)).css("a")
    hrefs = {node.text(strip=True): str(node.attributes["href"]) for node in nodes}
    return {label: href for label, href in hrefs.items() if href.startswith("mailto:") and "?" in href}


def press(
    notice: CaughtMail, label: str, from_: str, typed: str = "", signature: str = "Sent from my phone"
) -> EmailMessage:
    """The mail that the reader's client writes for the button; a client adds its signature."""
    parts = urlsplit(buttons(notice)[label])
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    body = query.get("body", "").replace("\r\n", "\n")
    return mail(from_, unquote(parts.path), query["subject"], f"{body}{typed}\n\n{signature}\n")


# --- buttons


def test_a_pressed_button_does_what_it_says_and_tells_the_customer_nothing(house: House) -> None:
    notice = carol_writes(house)
    assert list(buttons(notice)) == ["Call tomorrow", "Give it to …", "Won", "Lost …", "Write an internal note"]

    house.staff(press(notice, "Call tomorrow", ALICE))
    (call,) = planned(house)
    assert (call.type, call.user_id) == ("call", house.people["alice"])

    house.staff(press(notice, "Lost …", ALICE, "too dear"))
    assert (the_lead(house).stage, the_lead(house).lost_reason) == ("Lost", "too dear")
    assert outcome(house) == ("commands", "note_token")
    assert "too dear" in plain(house.notice(ALICE_AT))

    house.staff(press(house.notice(ALICE_AT), "Take it back", ALICE))
    assert the_lead(house).stage == "Assigned"
    assert house.to(CAROL_AT) == ()
    assert set(kinds(house, the_lead(house).id)) == {"email_in"}


def test_a_signature_below_a_pressed_button_stays_inside(house: House) -> None:
    notice = carol_writes(house)
    house.staff(press(notice, "Won", ALICE, signature="Alice Aalto\nHead of sales, Firma\n+358 40 1234567"))
    assert the_lead(house).stage == "Won"
    assert house.to(CAROL_AT) == ()


def test_a_button_says_nothing_to_a_stranger_who_found_it(house: House) -> None:
    notice = carol_writes(house)
    house.receive(press(notice, "Won", "Mallory <mallory@evil.example>"))
    house.receive(press(notice, "Won", ALICE))  # without proof
    assert the_lead(house).stage == "Assigned"


def test_a_button_left_open_asks_for_what_is_missing(house: House) -> None:
    notice = carol_writes(house)
    house.staff(press(notice, "Lost …", ALICE, signature=""))
    assert the_lead(house).stage == "Assigned"
    assert outcome(house) == ("hold", "command_not_understood")


def test_a_lead_is_given_to_a_colleague_who_reads_buttons_in_finnish(house: House) -> None:
    notice = carol_writes(house)
    house.staff(press(notice, "Give it to …", ALICE, "Bob"))
    assert owner_name(house, the_lead(house).id) == "Bob Berg"
    house.staff(press(house.notice(BOB_AT), "Soita huomenna", BOB))
    assert [call.type for call in planned(house)] == ["call"]


# --- pictures and long texts


def test_a_picture_and_a_long_text_reach_the_owner_and_a_reply_with_them_sends_neither_back(house: House) -> None:
    text = "Please look at this: [cid:lobby]\n\n" + "Forty chairs and a table.\n" * 4_000
    written = mail(CAROL, SALES, "Chairs", text, html=f'<p><img src="cid:lobby">{text.replace("[cid:lobby]", "")}</p>')
    body = written.get_body(("html",))
    assert isinstance(body, EmailMessage)
    body.add_related(png(), "image", "png", cid="<lobby>", filename="lobby.png", disposition="inline")
    house.receive(written)
    notice = house.notice(ALICE_AT)

    assert 'src="cid:picture-1@crm.firma.test"' in html(notice)
    assert size_of(html(notice)) < MOST_HTML
    files = {part.get_filename(): part for part in notice.parsed().walk() if part.get_filename()}
    assert set(files) == {"lobby.png", "Whole text.txt"}
    assert "The text goes on" in plain(notice)

    made = answer(notice, ALICE, "Yes, we can.")
    made.add_attachment(png(), "image", "png", filename="lobby.png")
    house.staff(made)
    (reply,) = house.to(CAROL_AT)
    assert [part.get_filename() for part in reply.parsed().walk() if part.get_filename()] == []
    assert "Yes, we can." in plain(reply)
    assert "cid:picture" not in everything(reply)


# --- preferences and bursts


def burst_house(make_house: Callable[..., House], **notify: int) -> House:
    made = make_house(notify={"burst_seconds": 120, **notify})
    made.clock.set(datetime(2026, 11, 23, 8, tzinfo=UTC))
    return made


def again(house: House, notice_to: str, text: str, first: CaughtMail) -> None:
    """Carol writes once more in her thread."""
    made = mail(
        CAROL, SALES, f"Re: {first.parsed()['Subject']}", text, headers=[("References", "<first@acme.example>")]
    )
    house.receive(made)


def test_a_burst_comes_as_one_mail_whose_answer_reaches_the_customer(make_house: Callable[..., House]) -> None:
    house = burst_house(make_house)
    house.receive(mail(CAROL, SALES, "Pump", "What does a pump cost?", message_id="<first@acme.example>"))
    first = house.notice(ALICE_AT)
    for text in ("And a hose?", "And a valve?", "By Friday?"):
        again(house, ALICE_AT, text, first)
    assert len(house.to(ALICE_AT)) == 1

    house.clock.move(timedelta(seconds=121))
    house.settle()
    (_, burst) = house.to(ALICE_AT)
    said = plain(burst)
    assert "3 new messages from Carol Customer." in said
    assert said.index("And a hose?") < said.index("And a valve?") < said.index("By Friday?")
    assert burst.parsed()["References"] == first.parsed()["References"]

    house.staff(answer(burst, ALICE, "A pump 500, a hose 20, a valve 30: on Friday."))
    (reply,) = house.to(CAROL_AT)
    assert "on Friday" in plain(reply)
    assert outcome(house) == ("reply", "reply_token")


def test_what_is_notified_is_chosen_by_mail_with_a_receipt_and_taken_back(house: House) -> None:
    notice = carol_writes(house)
    house.staff(answer(notice, ALICE, "/notify notes off\n/notify replies digest"))
    receipt = house.notice(ALICE_AT)
    assert "Done: notes: not at all; customers' mail: in the digest." in plain(receipt).replace("\r\n", " ").replace(
        "\n", " "
    )
    assert wishes(house, "alice") == {"note": "off", "reply": "digest"}

    before = len(house.to(ALICE_AT))
    house.receive(mail(CAROL, SALES, "Re: Pump for our cellar", "Hello?", headers=[("References", "<x@y.test>")]))
    house.staff(mail(OTTO, note_address(notice), "Note", "A note."))
    assert len(house.to(ALICE_AT)) == before

    house.staff(answer(receipt, ALICE, "undo"))
    assert wishes(house, "alice") == {}
    assert "your notices are as they were" in plain(house.notice(ALICE_AT))


def test_what_may_not_be_switched_off_is_refused_and_finnish_words_work(house: House) -> None:
    notice = carol_writes(house)
    house.staff(answer(notice, ALICE, "/notify replies off"))
    assert outcome(house) == ("hold", "command_not_understood")
    assert "cannot be switched off" in plain(house.notice(ALICE_AT))
    assert wishes(house, "alice") == {}

    house.staff(mail(BOB, SALES, "/ilmoitukset kaikki koottuna", ""))
    assert wishes(house, "bob")["reply"] == "batched"
    assert "reminder" not in wishes(house, "bob") or wishes(house, "bob")["reminder"] == "off"
    assert "asiakkaiden viestit: koottuna" in plain(house.notice(BOB_AT))


def test_a_reply_to_a_list_of_several_leads_is_held_and_its_buttons_answer_each(
    make_house: Callable[..., House],
) -> None:
    house = burst_house(make_house, burst_mails=1)
    write_wishes(house, "alice", {"reply": "batched", "new": "batched"})
    write_wishes(house, "bob", {"reply": "batched", "new": "batched"})
    for number in range(4):
        house.receive(
            mail(f"Customer{number} <c{number}@acme{number}.example>", SALES, f"Pump {number}", f"Pump {number}?")
        )
    house.clock.move(timedelta(minutes=31))
    house.settle()
    (listed,) = house.to(ALICE_AT)
    assert listed.parsed()["Subject"].startswith("2 notices: Customer")

    house.staff(answer(listed, ALICE, "Yes, 500 euros."))
    assert outcome(house) == ("hold", "which_lead")
    label = next(label for label in buttons(listed) if label.startswith("Reply to Customer"))
    house.staff(press(listed, label, ALICE, "500 euros."))
    assert outcome(house) == ("reply", "reply_token")
    customers = [caught for caught in house.sink.mails if caught.rcpt_to[0].startswith("c")]
    assert [caught.rcpt_to[0].partition("@")[0] for caught in customers] == [
        label.split()[2].lower().replace("customer", "c")
    ]


def wishes(house: House, name: str) -> dict[str, str]:
    return dict(house.one(select(user.c.notices).where(user.c.id == house.people[name])))


def write_wishes(house: House, name: str, levels: dict[str, str]) -> None:
    changed = update(user).where(user.c.id == house.people[name]).values(notices=levels)
    house.base.store.write(lambda session: session.execute(changed))
