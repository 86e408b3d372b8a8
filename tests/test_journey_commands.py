"""Commands in a salesperson's reply: each is done, none reaches the customer, a receipt says what, one word takes it back."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from mailcrm import triage
from mailcrm.crm.people import set_user_fields
from mailcrm.store.tables import activity, follower, lead, lead_tag, mention, stage, tag, user
from tests.daemon_house import SALES, House, answer, mail, proven
from tests.journey_steps import (
    ALICE,
    ALICE_AT,
    BOB,
    BOB_AT,
    CAROL,
    CAROL_AT,
    OTTO_AT,
    STAFF,
    carol_writes,
    everything,
    kinds,
    note_address,
    notice_kinds,
    outcome,
    owner_name,
    reply_address,
    sent_to_nobody_but,
    texts,
)
from tests.journey_steps import plain as plain_text
from tests.smtp_peer import CaughtMail

MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    made = make_house()
    made.clock.set(MONDAY)
    return made


def plain(caught: CaughtMail) -> str:
    return plain_text(caught).replace("\r\n", "\n")


def says(house: House, notice: CaughtMail, text: str, **more: Any) -> CaughtMail:
    """Alice answers so; the last mail that she got."""
    house.staff(answer(notice, ALICE, text, **more))
    return house.notice(ALICE_AT)


def the_lead(house: House) -> Any:
    (row,) = house.read(select(lead, stage.c.name_en.label("stage")).join(stage, stage.c.id == lead.c.stage_id))
    return row


def planned(house: House) -> list[Any]:
    return house.read(select(activity).order_by(activity.c.id))


def tags(house: House) -> set[str]:
    return {row.name for row in house.read(select(tag.c.name).join(lead_tag, lead_tag.c.tag_id == tag.c.id))}


# --- commands and text --------------------------------------------------------------------------------------------------


def test_commands_are_done_and_the_text_below_goes_to_the_customer(house: House) -> None:
    notice = carol_writes(house)

    receipt = says(house, notice, "/value 12000\n/call tomorrow at 10 ask about the cellar\n\nHi Carol,\n\n500 euros.")

    (reply,) = house.to(CAROL_AT)
    assert plain(reply).startswith("Hi Carol,\n\n500 euros.")
    assert not [word for word in ("/value", "/call", "€12", "ask about the cellar") if word in everything(reply)]
    row = the_lead(house)
    assert (row.expected_revenue, row.currency, row.waiting_on) == (Decimal(12000), "EUR", "them")
    (call,) = planned(house)
    assert (call.type, call.due_on, call.summary) == ("call", date(2026, 11, 24), "ask about the cellar")
    assert call.due_at == datetime(2026, 11, 24, 8, tzinfo=UTC)
    assert outcome(house) == ("reply", "reply_token")
    said = plain(receipt)
    assert "Done: value €12,000; Call: ask about the cellar, Tue 24 Nov 2026 10:00." in said
    assert "Your text goes to Carol Customer <carol@acme.example>." in said
    assert "Reply “undo” within a day" in said


def test_a_mail_of_commands_posts_nothing(house: House) -> None:
    notice = carol_writes(house)

    receipt = says(house, notice, "/won 12 000 €\n\nBest regards\nAlice")

    assert house.to(CAROL_AT) == ()
    assert (the_lead(house).stage, the_lead(house).expected_revenue) == ("Won", Decimal(12000))
    assert outcome(house) == ("commands", "commands")
    assert "Nothing goes to the customer." in plain(receipt)
    assert kinds(house, the_lead(house).id) == ["email_in"]


def test_undo_takes_back_what_commands_did_and_only_that(house: House) -> None:
    notice = carol_writes(house)
    before = the_lead(house)
    receipt = says(house, notice, "/won 12000\n/tag big, urgent\n/stars 3\n/call tomorrow\n/follow")
    assert (the_lead(house).stage, tags(house)) == ("Won", {"web", "big", "urgent"})
    house.base.store.write(lambda session: session.execute(update(lead).values(priority=1)))

    undone = says(house, receipt, "undo")

    row = the_lead(house)
    assert (row.stage, row.expected_revenue, row.outcome) == (before.stage, None, None)
    assert tags(house) == {"web"}
    assert planned(house) == []
    assert house.read(select(follower)) == []
    assert row.priority == 1
    assert "Not taken back, since it was changed meanwhile: the priority." in plain(undone)
    assert outcome(house) == ("commands", "undo_token")
    assert house.to(CAROL_AT) == ()


def test_a_line_that_is_not_understood_holds_the_mail_and_one_word_releases_it(house: House) -> None:
    notice = carol_writes(house)

    question = says(house, notice, "/wom 12000\n/stars 2\nHi Carol, 500 euros.")

    assert house.to(CAROL_AT) == ()
    assert the_lead(house).priority == 0
    assert outcome(house) == ("hold", "command_not_understood")
    said = plain(question)
    assert "/wom 12000 – no such command; did you mean /won?" in said
    assert "/hold until DATE" in said
    assert "Reply “send”" in said
    assert "Hi Carol, 500 euros." in said
    assert "What does a pump cost?" not in said

    receipt = says(house, question, "Send\n\nBr, Alice")

    (reply,) = house.to(CAROL_AT)
    assert plain(reply).startswith("Hi Carol, 500 euros.")
    assert "/" not in plain(reply).partition("wrote:")[0]
    assert the_lead(house).priority == 2
    assert "Not done: /wom 12000" in plain(receipt)
    assert [row.state for row in house.inbounds()] == ["done", "done", "done"]


# --- each command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said", "field", "value"),
    [
        ("/won 12000", "stage Won; value €12,000", "stage", "Won"),
        ("/voitettu", "stage Won", "stage", "Won"),
        ("/lost too dear", "stage Lost (too dear)", "lost_reason", "too dear"),
        ("/hävitty too dear", "stage Lost (too dear)", "stage", "Lost"),
        ("/cancel", "stage Cancelled", "stage", "Cancelled"),
        ("/hold until 1.12.", "stage On hold until Tue 1 Dec 2026", "on_hold_until", date(2026, 12, 1)),
        ("/stage quote sent", "stage Quote sent", "stage", "Quote sent"),
        ("/vaihe Tapaaminen", "stage Meeting booked", "stage", "Meeting booked"),
        ("/assign Bob", "owner Bob Berg", "owner", "Bob Berg"),
        ("/stars 3", "priority ★★★", "priority", 3),
        ("/value 500 sek", "value SEK", "expected_revenue", Decimal(500)),
        ("/close 24.12.", "expected closing Thu 24 Dec 2026", "expected_closing", date(2026, 12, 24)),
        ("/tag big, urgent", "tag big, urgent", "tags", {"web", "big", "urgent"}),
        ("/untag web", "without tag web", "tags", set()),
        ("/follow", "you follow the lead", "followers", 1),
        ("/meeting tomorrow demo", "Meeting: demo, Tue 24 Nov 2026", "planned", ("meeting", "demo")),
        ("/mail 1.12.", "Mail, Tue 1 Dec 2026", "planned", ("mail", "")),
        ("/tarjous ensi viikolla", "Quote, Mon 30 Nov 2026", "planned", ("quote", "")),
        ("/todo in 3 days send samples", "To do: send samples, Thu 26 Nov 2026", "planned", ("todo", "send samples")),
    ],
)
def test_each_command_is_done_told_and_taken_back(
    house: House, line: str, said: str, field: str, value: object
) -> None:
    notice = carol_writes(house)
    before = state(house)

    receipt = says(house, notice, line)

    assert state(house)[field] == value
    assert said in plain(receipt)
    assert house.to(CAROL_AT) == ()
    says(house, receipt, "kumoa")
    assert state(house) == before
    assert outcome(house) == ("commands", "undo_token")


def state(house: House) -> dict[str, Any]:
    """All that commands may change about the one lead."""
    row = the_lead(house)
    named = (
        "stage",
        "lost_reason",
        "on_hold_until",
        "priority",
        "expected_revenue",
        "currency",
        "expected_closing",
        "outcome",
    )
    activities = [(a.type, a.summary) for a in planned(house)]
    more = {"owner": owner_name(house, row.id), "tags": tags(house), "followers": len(house.read(select(follower)))}
    return {**{name: getattr(row, name) for name in named}, **more, "planned": activities[0] if activities else None}


def test_done_and_snooze_work_on_what_is_planned(house: House) -> None:
    notice = carol_writes(house)
    says(house, notice, "/call tomorrow\n/todo 1.12. samples")

    says(house, notice, "/done 2 they like them\n/snooze +2d")

    call, samples = planned(house)
    assert (samples.feedback, samples.done_at is not None) == ("they like them", True)
    assert call.due_on == date(2026, 11, 25)
    says(house, house.notice(ALICE_AT), "undo")
    call, samples = planned(house)
    assert (call.due_on, samples.done_at, samples.feedback) == (date(2026, 11, 24), None, "")


def test_a_note_below_an_answer_stays_inside(house: House) -> None:
    notice = carol_writes(house)

    receipt = says(
        house, notice, "Hi Carol, 500 euros.\n/note They would pay 700 euros, I am sure of that.\n@Otto see it"
    )

    (reply,) = house.to(CAROL_AT)
    assert "They would pay" not in everything(reply)
    assert texts(house, the_lead(house).id, "email_out", "note") == [
        "Hi Carol, 500 euros.",
        "They would pay 700 euros, I am sure of that.\n@Otto see it",
    ]
    assert "They would pay 700" in plain(house.notice(OTTO_AT))
    assert "The rest stays inside as a note." in plain(receipt)


def test_a_note_command_alone_makes_a_note_and_commands_work_on_the_note_address(house: House) -> None:
    notice = carol_writes(house)

    says(house, notice, "/muistio Rikkaita ovat\nja kiireisiä")
    says(house, notice, "/stars 2\nVery rich indeed.", address=note_address(notice))

    assert texts(house, the_lead(house).id, "note") == ["Rikkaita ovat\nja kiireisiä", "Very rich indeed."]
    assert the_lead(house).priority == 2
    assert house.to(CAROL_AT) == ()


def test_a_mention_tells_a_colleague(house: House) -> None:
    says(house, carol_writes(house), "/mention Otto\nHi Carol, 500 euros.")

    assert "mentioned you" in plain(house.notice(OTTO_AT))
    assert house.read(select(mention.c.user_id))[0].user_id == house.people["otto"]
    assert "Otto" not in everything(house.notice(CAROL_AT))


def test_the_owner_cannot_mute_and_a_follower_can(house: House) -> None:
    notice = carol_writes(house)

    assert "The lead is yours" in plain(says(house, notice, "/mute"))
    house.staff(answer(notice, BOB, "/follow"))
    house.staff(answer(notice, BOB, "/mute"))

    assert house.read(select(follower)) == []
    assert "et enää seuraa liidiä" in plain(house.notice(BOB_AT))


def test_away_until_a_day_with_a_deputy(house: House) -> None:
    receipt = says(house, carol_writes(house), "/away until 5.12. deputy Bob")

    (row,) = house.read(select(user).where(user.c.id == house.people["alice"]))
    assert row.absent_until == datetime(2026, 12, 5, 22, tzinfo=UTC)  # the 6th begins in Helsinki
    assert row.deputy_id == house.people["bob"]
    assert "you are away until Sat 5 Dec 2026, that day included, Bob Berg stands in" in plain(receipt)
    says(house, receipt, "undo")
    (row,) = house.read(select(user).where(user.c.id == house.people["alice"]))
    assert (row.absent_until, row.deputy_id) == (None, None)


def test_a_lead_is_merged_and_comes_back(house: House) -> None:
    carol_writes(house, "Pump")
    house.receive(mail(CAROL, SALES, "Pump again", "Did you get my mail?"))
    second = max(row.id for row in house.leads())
    notice = next(n for n in (house.to(ALICE_AT) + house.to(BOB_AT)) if "Pump again" in str(n.parsed()["Subject"]))
    before = [(row.id, kinds(house, row.id)) for row in house.leads()]

    house.staff(answer(notice, ALICE, "/merge #1\n/stars 2"))

    (row,) = house.leads()
    assert (row.id, row.priority, kinds(house, 1)) == (1, 2, ["email_in", "email_in"])
    house.staff(answer(house.notice(ALICE_AT), ALICE, "undo"))
    assert [(row.id, kinds(house, row.id)) for row in house.leads()] == before
    assert house.leads()[0].priority == 0
    assert second == 2


def test_leads_of_two_customers_are_not_merged(house: House) -> None:
    notice = carol_writes(house)
    house.receive(mail("Dora <dora@other.example>", SALES, "Valves", "Do you sell valves?"))

    question = says(house, notice, "/merge #2\nHi Carol, 500 euros.")

    assert len(house.leads()) == 2
    assert house.to(CAROL_AT) == ()
    assert "Lead 2 is another customer's" in plain(question)


def test_an_answer_does_not_reach_the_other_person_of_a_merged_lead(house: House) -> None:
    house.receive(mail("Dave <dave@acme.example>", SALES, "Roof", "What does a roof cost?"))
    house.receive(mail(CAROL, SALES, "Pump", "What does a pump cost?"))
    notice = next(n for n in (*house.to(ALICE_AT), *house.to(BOB_AT)) if "Pump" in str(n.parsed()["Subject"]))

    question = says(house, notice, "/merge #1\nHi Carol, 500 euros.")

    assert "two people's" in plain(question)
    assert len(house.leads()) == 2
    assert sent_to_nobody_but(house, STAFF)
    says(house, notice, "/merge #1")
    assert len(house.leads()) == 1


def test_a_mail_is_split_off_and_the_answer_goes_with_it(house: House) -> None:
    notice = carol_writes(house)
    says(house, notice, "500 euros.")
    house.receive(answer(house.notice(CAROL_AT), CAROL, "And what does a roof cost?"))

    receipt = says(house, house.notice(ALICE_AT), "/split\nA roof costs a lot.")

    first, second = house.leads()
    assert texts(house, first.id, "email_in") == ["What does a pump cost?"]
    assert texts(house, second.id, "email_in", "email_out") == ["And what does a roof cost?", "A roof costs a lot."]
    assert "the mail is lead 2 now" in plain(receipt)
    assert len(house.to(CAROL_AT)) == 2


def test_a_split_is_taken_back(house: House) -> None:
    notice = carol_writes(house)
    says(house, notice, "500 euros.")
    house.receive(answer(house.notice(CAROL_AT), CAROL, "And what does a roof cost?"))

    receipt = says(house, house.notice(ALICE_AT), "/erota")
    says(house, receipt, "undo")

    (row,) = house.leads()
    assert kinds(house, row.id) == ["email_in", "email_out", "email_in"]
    assert outcome(house) == ("commands", "undo_token")


def test_history_goes_to_the_writers_stored_address_alone(house: House) -> None:
    notice = carol_writes(house)
    says(house, notice, "500 euros.\n/note They would pay more, you know.")
    made = answer(notice, ALICE, "/history", headers=[("Reply-To", "mallory@evil.example")])

    house.receive(proven(made), "mallory@evil.example", [reply_address(notice)])

    history = next(n for n in house.to(ALICE_AT) if str(n.parsed()["From"]).startswith('"History'))
    assert history.rcpt_to == (ALICE_AT,)
    said = plain(history)
    assert "What does a pump cost?" in said
    assert "They would pay more" in said
    files = [part.get_filename() for part in history.parsed().iter_attachments()]
    assert [str(name).rpartition(".")[2] for name in files] == ["eml", "eml"]
    assert sent_to_nobody_but(house, (*STAFF, CAROL_AT))


def test_a_new_lead_for_a_customer_from_a_few_lines(house: House) -> None:
    house.staff(
        mail(ALICE, SALES, "/new Two valves", "Dora Dean <dora@dean.example>\nShe called and wants two valves.")
    )

    (row,) = house.leads()
    assert (row.title, owner_name(house, row.id)) == ("Two valves", "Alice Aalto")
    assert texts(house, row.id, "note") == ["Dora Dean <dora@dean.example>\nShe called and wants two valves."]
    assert "lead 1 for Dora Dean: Two valves" in plain(house.notice(ALICE_AT))
    assert sent_to_nobody_but(house, STAFF)


def test_a_new_lead_without_an_address_is_asked_about(house: House) -> None:
    house.staff(mail(ALICE, SALES, "Somebody called", "/new Two valves\nShe wants two valves."))

    assert house.leads() == []
    assert "Name the customer's address." in plain(house.notice(ALICE_AT))


def test_help_shows_the_grammar_in_the_readers_language(house: House) -> None:
    notice = carol_writes(house)
    house.staff(answer(notice, BOB, "/ohje"))

    said = plain(house.notice(BOB_AT))
    assert "/voitettu [12000]" in said
    assert "/poissa PÄIVÄ asti [sijainen NIMI]" in said
    assert house.to(CAROL_AT) == ()


def test_the_subject_may_be_a_command(house: House) -> None:
    notice = carol_writes(house)
    made = mail(ALICE, reply_address(notice), "/stars 2", "Hi Carol, 500 euros.")

    house.staff(made)

    assert the_lead(house).priority == 2
    assert "stars" not in everything(house.notice(CAROL_AT))


def test_undo_by_command_takes_back_the_latest(house: House) -> None:
    notice = carol_writes(house)
    says(house, notice, "/stars 2")
    says(house, notice, "/stars 3")

    says(house, notice, "/undo")
    assert the_lead(house).priority == 2
    says(house, notice, "/undo")
    assert the_lead(house).priority == 0
    assert "There is nothing of yours to take back here." in plain(says(house, notice, "/undo"))


def test_after_a_day_it_is_too_late_and_twice_is_once(house: House) -> None:
    notice = carol_writes(house)
    receipt = says(house, notice, "/stars 2")
    house.clock.move(timedelta(hours=25))

    assert "more than a day ago" in plain(says(house, receipt, "undo"))
    assert the_lead(house).priority == 2
    receipt = says(house, notice, "/stars 3")
    says(house, receipt, "undo")
    house.clock.move(timedelta(hours=2))
    assert "It was taken back already." in plain(says(house, receipt, "undo"))


# --- what is not done ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/wom 12000", "did you mean /won?"),
        ("/stage Nowhere", "There is no stage Nowhere."),
        ("/stage Lost", "Say why it was lost."),
        ("/stage On hold", "On hold needs a date"),
        ("/assign Nobody", "Nobody here is called Nobody."),
        ("/assign Otto", "A colleague can be mentioned"),
        ("/hold until 1.11.", "that is past: Sun 1 Nov 2026"),
        ("/call ensi perjantaina", "Fri 27 Nov 2026 or Fri 4 Dec 2026"),
        ("/untag nothing", "The lead has no tag nothing."),
        ("/done", "Nothing is planned on this lead."),
        ("/merge #99", "There is no lead 99."),
        ("/split", "It is the only mail"),
        ("/won 12000 Thanks!", "not an amount"),
        ("/undo", "nothing of yours"),
    ],
)
def test_what_cannot_be_done_changes_and_sends_nothing(house: House, line: str, why: str) -> None:
    notice = carol_writes(house)
    before = state(house)

    question = says(house, notice, f"/stars 3\n{line}\n\nHi Carol, 500 euros.")

    assert state(house) == before
    assert house.to(CAROL_AT) == ()
    assert outcome(house) == ("hold", "command_not_understood")
    assert why in plain(question)
    says(house, question, "lähetä")
    (reply,) = house.to(CAROL_AT)
    assert line.split()[0] not in everything(reply)
    assert the_lead(house).priority == 3


def test_a_command_below_the_text_holds_the_mail(house: House) -> None:
    question = says(house, carol_writes(house), "Hi Carol, 500 euros.\n/won 500\nAlice")

    assert house.to(CAROL_AT) == ()
    assert "commands stand at the top" in plain(question)


def test_only_its_writer_releases_a_held_mail_and_only_by_the_word(house: House) -> None:
    question = says(house, carol_writes(house), "/wom\nHi Carol, 500 euros.")

    house.staff(answer(question, BOB, "send"))
    house.receive(answer(question, ALICE, "send").as_bytes(), ALICE_AT, [reply_address(question)])
    says(house, question, "send it to her please")

    assert house.to(CAROL_AT) == ()
    says(house, question, "send")
    says(house, question, "SEND!")
    assert len(house.to(CAROL_AT)) == 1


def test_an_outsider_who_has_the_address_of_a_question_releases_nothing(house: House) -> None:
    question = says(house, carol_writes(house), "/wom\nHi Carol, 500 euros.")

    house.receive(answer(question, "Mallory <mallory@evil.example>", "send", quote=False))

    assert house.to(CAROL_AT) == ()


def test_a_lead_is_taken(house: House) -> None:
    notice = carol_writes(house)
    says(house, notice, "/assign Bob")

    receipt = says(house, notice, "/otan")

    assert owner_name(house, the_lead(house).id) == "Alice Aalto"
    says(house, receipt, "undo")
    assert owner_name(house, the_lead(house).id) == "Bob Berg"


def test_the_page_sends_a_held_mail_without_its_commands(house: House) -> None:
    says(house, carol_writes(house), "/stars 2\n/wom 5\nHi Carol, 500 euros.")
    held = house.inbounds()[-1]

    triage.send(house.base.desk(), held.id, house.people["alice"])
    house.settle()

    assert plain(house.notice(CAROL_AT)).startswith("Hi Carol, 500 euros.")
    assert "/" not in plain(house.notice(CAROL_AT)).partition("wrote:")[0]
    assert the_lead(house).priority == 2


def test_what_was_sent_is_not_taken_back_and_the_receipt_says_so(house: House) -> None:
    receipt = says(house, carol_writes(house), "/stars 2\nHi Carol, 500 euros.")

    undone = says(house, receipt, "undo")

    assert (the_lead(house).priority, len(house.to(CAROL_AT))) == (0, 1)
    assert "What was sent to the customer stays sent." in plain(undone)


def test_an_absence_told_without_a_lead_is_obeyed_whatever_else_is_said(house: House) -> None:
    house.staff(mail(ALICE, SALES, "Away", "/away until 5.12.\nI am at the lake.\nNo phone there."))

    (row,) = house.read(select(user).where(user.c.id == house.people["alice"]))
    assert row.absent_until is not None
    assert house.leads() == []
    assert outcome(house) == ("commands", "commands")
    assert "you are away until" in plain(house.notice(ALICE_AT))


# --- who may ------------------------------------------------------------------------------------------------------------


def test_a_customers_command_is_text(house: House) -> None:
    notice = carol_writes(house, subject="/won 1", text="/won 99999\n/assign Mallory")

    assert (the_lead(house).stage, the_lead(house).title) == ("Assigned", "/won 1")
    says(house, notice, "Hi Carol, 500 euros.")
    house.receive(answer(house.notice(CAROL_AT), CAROL, "/lost too dear\nBut thank you."))

    assert (the_lead(house).stage, len(house.to(CAROL_AT))) == ("Contacted", 1)
    assert "command" not in " ".join(notice_kinds(house))


@pytest.mark.parametrize("proof", ["mx.firma.test; dmarc=fail header.from=firma.test", ""])
def test_a_command_without_proof_is_not_obeyed(house: House, proof: str) -> None:
    notice = carol_writes(house)
    made = answer(notice, ALICE, "/won 12000\n/assign Bob")

    raw = proven(made, proof) if proof else made.as_bytes()
    house.receive(raw, "mallory@evil.example", [reply_address(notice)])

    assert the_lead(house).stage == "Assigned"
    assert outcome(house) == ("hold", "staff_not_proven")


def test_a_signed_mail_handed_in_for_another_lead_is_not_obeyed(house: House) -> None:
    first = carol_writes(house)
    house.receive(mail("Dora <dora@other.example>", SALES, "Valves", "Do you sell valves?"))
    other = house.notice(BOB_AT)

    house.receive(proven(answer(first, ALICE, "/lost too dear")), "mallory@evil.example", [reply_address(other)])

    assert {row.outcome for row in house.leads()} == {None}
    assert outcome(house) == ("hold", "customer_or_note")


def test_a_colleague_who_may_only_write_notes_changes_nothing(house: House) -> None:
    notice = carol_writes(house)
    says(house, notice, "/mention Otto")
    told = house.notice(OTTO_AT)

    house.staff(answer(told, "Otto Ojala <otto@firma.test>", "/won 12000"))

    assert the_lead(house).stage == "Assigned"
    assert "Your role does not allow this." in plain(house.notice(OTTO_AT))


# --- receipts -----------------------------------------------------------------------------------------------------------


def test_receipts_can_be_turned_down_to_errors(house: House) -> None:
    notice = carol_writes(house)
    me = house.people["alice"]
    house.base.store.write(lambda s: set_user_fields(s, me, {"receipts": "errors"}, me, house.clock()))
    before = len(house.to(ALICE_AT))

    house.staff(answer(notice, ALICE, "/stars 2"))
    assert len(house.to(ALICE_AT)) == before
    assert "no such command" in plain(says(house, notice, "/wom 5\nHi Carol, 500 euros."))
    assert "Not done" in plain(says(house, house.notice(ALICE_AT), "send"))
    assert "Commands at the top" in plain(says(house, notice, "/help"))


def test_a_file_without_words_stays_inside(house: House) -> None:
    made = answer(carol_writes(house), ALICE, "/stage quote sent")
    made.add_attachment(b"%PDF-1.4 quote", maintype="application", subtype="pdf", filename="quote.pdf")

    house.staff(made)

    assert house.to(CAROL_AT) == ()
    assert kinds(house, the_lead(house).id) == ["email_in", "note"]
    assert "your text is an internal note" in plain(house.notice(ALICE_AT))
