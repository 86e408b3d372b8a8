"""Which lead Message-IDs name: newest first, never too many, and an id received twice is no evidence."""

from hypothesis import given
from hypothesis import strategies as st

from mailcrm.mail import RefHit
from mailcrm.threading.references import ids_to_look_up, ref_hits


def test_the_newest_ids_are_looked_up_and_the_own_one_last() -> None:
    assert ids_to_look_up("own", ["new", "old"]) == ("new", "old", "own")
    assert ids_to_look_up("", ["new"]) == ("new",)
    assert ids_to_look_up("own", ["own", "old"]) == ("old", "own")
    assert ids_to_look_up("", []) == ()


def test_of_a_hundred_ids_the_newest_32_are_looked_up() -> None:
    assert ids_to_look_up("own", [str(n) for n in range(100)]) == (*(str(n) for n in range(32)), "own")


def test_it_threads_by_newest_reference() -> None:
    found = {"new": [("received", 2)], "old": [("ours", 1)]}

    assert ref_hits(("new", "old"), "own", found) == (RefHit(2, "new", False), RefHit(1, "old", False))


def test_what_was_sent_or_received_counts_before_what_was_mentioned() -> None:
    found = {"a": [("mentioned", 3), ("received", 2), ("learned", 1)]}

    assert [hit.lead_id for hit in ref_hits(("a",), "", found)] == [1, 2, 3]


def test_the_own_id_finds_only_a_lead_that_mentioned_it() -> None:
    assert ref_hits(("own",), "own", {"own": [("received", 1)]}) == ()
    assert ref_hits(("own",), "own", {"own": [("received", 1), ("mentioned", 2)]}) == (RefHit(2, "own", True),)


def test_a_lead_is_found_once_by_its_newest_id() -> None:
    found = {"new": [("received", 1)], "old": [("received", 1)]}

    assert ref_hits(("new", "old"), "", found) == (RefHit(1, "new", False),)


@given(st.text(max_size=5), st.lists(st.text(max_size=5), max_size=60))
def test_whatever_a_mail_names_a_bounded_number_is_looked_up(own: str, named: list[str]) -> None:
    wanted = ids_to_look_up(own, named)

    assert len(wanted) <= 33
    assert set(wanted) <= {own, *named}
