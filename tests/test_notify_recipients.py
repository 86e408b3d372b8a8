"""Who hears about an event, and why."""

import pytest

from mailcrm.mail import Address, Event, NoticeKind, Reason
from mailcrm.notify.recipients import LeadPeople, Notice, Person, recipients


def person(number: int, name: str, *, is_active: bool = True, is_absent: bool = False) -> Person:
    address = f"{name.lower()}@firma.test"
    keys = frozenset({address, f"{name.lower()}.private@home.test"})
    return Person(number, name, address, keys, is_active=is_active, is_absent=is_absent)


ALICE, BOB, DAN, EVE = person(1, "Alice"), person(2, "Bob"), person(3, "Dan"), person(4, "Eve")
CAROL = Address("Carol", "carol@customer.test")


def told(notices: tuple[Notice, ...]) -> list[tuple[str, str]]:
    return [
        (notice.person.name if notice.person else "outside", notice.why) for notice in notices if not notice.skipped
    ]


def hear(kind: str, people: LeadPeople, **event: object) -> list[tuple[str, str]]:
    return told(recipients(Event(kind, 7, 1, **event), people))  # type: ignore[arg-type]


def test_a_customers_mail_is_told_to_the_owner_and_the_followers() -> None:
    assert hear("message_in", LeadPeople(owner=ALICE, followers=(BOB,), team=(DAN,))) == [
        ("Alice", "owner"),
        ("Bob", "follower"),
    ]


def test_a_lead_nobody_owns_is_told_to_the_whole_team() -> None:
    assert hear("message_in", LeadPeople(team=(BOB, DAN))) == [("Bob", "team"), ("Dan", "team")]


def test_an_inactive_owner_counts_as_nobody() -> None:
    gone = person(1, "Alice", is_active=False)
    assert hear("message_in", LeadPeople(owner=gone, team=(BOB,))) == [("Bob", "team")]


def test_mail_never_falls_between_chairs_without_owner_and_team() -> None:
    assert hear("message_in", LeadPeople(managers=(EVE,))) == [("Eve", "manager")]


def test_the_deputy_of_an_absent_owner_hears_as_well() -> None:
    away = person(1, "Alice", is_absent=True)
    assert hear("message_in", LeadPeople(owner=away, deputy=BOB)) == [("Alice", "owner"), ("Bob", "deputy")]
    assert hear("message_in", LeadPeople(owner=ALICE, deputy=BOB)) == [("Alice", "owner")]


def test_another_team_that_was_addressed_hears_once() -> None:
    people = LeadPeople(owner=ALICE, also_teams=(ALICE, BOB), followers=(BOB,))
    assert hear("message_in", people, also_team_ids=(2,)) == [("Alice", "owner"), ("Bob", "also_team")]


def test_who_had_the_mail_directly_is_shown_as_skipped_but_the_owner_never() -> None:
    people = LeadPeople(owner=ALICE, followers=(BOB, DAN), mentioned=(EVE,))
    keys = ("alice@firma.test", "bob.private@home.test", "eve@firma.test")
    notices = recipients(Event("message_in", 7, 1, had_it_directly=keys), people)
    assert told(notices) == [("Alice", "owner"), ("Dan", "follower")]
    assert {n.person.name for n in notices if n.person and n.skipped == "had_it_directly"} == {"Bob", "Eve"}


def test_an_answer_goes_to_the_customer_and_is_told_to_the_others() -> None:
    people = LeadPeople(owner=ALICE, followers=(BOB,), customer=CAROL, copies=(Address("", "dave@customer.test"),))
    notices = recipients(Event("message_out", 7, 1, actor_user_id=BOB.id), people)
    assert told(notices) == [("outside", "customer"), ("Alice", "owner")]
    assert notices[0].kind is NoticeKind.CUSTOMER_REPLY
    assert (notices[0].to, notices[0].cc) == ((CAROL,), (Address("", "dave@customer.test"),))


def test_an_answer_sent_directly_is_relayed_to_nobody() -> None:
    people = LeadPeople(owner=ALICE, followers=(BOB,), customer=CAROL)
    assert hear("message_out", people, actor_user_id=ALICE.id, reason=Reason.SENT_DIRECTLY) == [("Bob", "follower")]


def test_without_a_customer_nothing_leaves_the_house() -> None:
    assert hear("message_out", LeadPeople(owner=ALICE), actor_user_id=BOB.id) == [("Alice", "owner")]


def test_a_note_is_told_inside_and_never_to_its_author() -> None:
    people = LeadPeople(owner=ALICE, followers=(BOB, DAN), mentioned=(EVE,), customer=CAROL)
    heard = hear("note", people, actor_user_id=BOB.id)
    assert heard == [("Eve", "mentioned"), ("Alice", "owner"), ("Dan", "follower")]


def test_a_mentioned_owner_hears_once_and_is_never_skipped() -> None:
    people = LeadPeople(owner=ALICE, mentioned=(ALICE,))
    assert hear("note", people, had_it_directly=("alice@firma.test",)) == [("Alice", "mentioned")]


def test_a_lead_without_an_owner_may_still_have_notes() -> None:
    assert hear("note", LeadPeople(followers=(BOB,))) == [("Bob", "follower")]


def test_a_new_owner_is_told_unless_they_took_the_lead_themselves() -> None:
    people = LeadPeople(owner=ALICE)
    assert hear("event_assigned", people, actor_user_id=BOB.id) == [("Alice", "owner")]
    assert hear("event_assigned", people, actor_user_id=ALICE.id) == []
    assert hear("event_assigned", LeadPeople()) == []


@pytest.mark.parametrize("kind", ["message_failed", "message_delayed"])
def test_a_failure_is_told_to_the_writer_else_the_owner_else_the_managers(kind: str) -> None:
    everybody = LeadPeople(writer=BOB, owner=ALICE, managers=(EVE,))
    assert hear(kind, everybody, actor_user_id=BOB.id) == [("Bob", "writer")]
    assert hear(kind, LeadPeople(owner=ALICE, managers=(EVE,))) == [("Alice", "owner")]
    assert hear(kind, LeadPeople(managers=(EVE,))) == [("Eve", "manager")]


def test_a_question_goes_to_the_writer_alone() -> None:
    assert hear("held", LeadPeople(writer=BOB, owner=ALICE), actor_user_id=BOB.id) == [("Bob", "writer")]
    assert hear("held", LeadPeople(owner=ALICE)) == []


def test_a_loop_is_told_to_the_owner_else_the_managers() -> None:
    assert hear("loop", LeadPeople(owner=ALICE, managers=(EVE,))) == [("Alice", "owner")]
    assert hear("loop", LeadPeople(managers=(EVE,))) == [("Eve", "manager")]


def test_mail_to_postmaster_goes_to_the_admins_else_the_managers() -> None:
    assert hear("admin", LeadPeople(admins=(DAN,), managers=(EVE, DAN))) == [("Dan", "admin")]
    assert hear("admin", LeadPeople(managers=(EVE,))) == [("Eve", "manager")]


def test_a_suppliers_mail_goes_to_the_team_it_was_sent_to() -> None:
    people = LeadPeople(also_teams=(BOB,), admins=(DAN,), managers=(EVE,))
    assert hear("admin", people, also_team_ids=(2,)) == [("Bob", "also_team")]
    assert hear("admin", LeadPeople(managers=(EVE,)), also_team_ids=(2,)) == [("Eve", "manager")]


def test_an_unknown_event_tells_nobody() -> None:
    assert hear("something_else", LeadPeople(owner=ALICE)) == []
