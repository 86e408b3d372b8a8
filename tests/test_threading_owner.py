"""Who owns a new lead: the chain in its order, and the team's rule at its end."""

from typing import Any

import pytest

from mailcrm.mail import CompanyFacts, Member, Reason
from mailcrm.threading.owner import Owner, least_loaded, next_in_rotation, owner_of
from tests.values import a_partner, facts_of

_TEAM = (Member(1, True, 3), Member(2, True, 1), Member(3, True, 1))


def test_the_chain_is_asked_from_the_thread_to_the_alias() -> None:
    everybody = a_partner(owner_id=12, company_owner_id=13)
    facts: dict[str, Any] = {"partner": everybody, "company_lead_owner_id": 14, "members": _TEAM}
    steps = [
        (11, 15, frozenset(), 11, Reason.OWNER_OF_THREAD),
        (None, 15, frozenset(), 12, Reason.OWNER_OF_PARTNER),
        (11, 15, frozenset({11, 12}), 13, Reason.OWNER_OF_COMPANY),
        (11, 15, frozenset({11, 12, 13}), 14, Reason.OWNER_OF_COMPANY_LEAD),
        (11, 15, frozenset({11, 12, 13, 14}), 15, Reason.OWNER_OF_ALIAS),
        (11, 15, frozenset({11, 12, 13, 14, 15}), None, Reason.OWNER_NOBODY),
    ]
    for previous, of_alias, inactive, owner, reason in steps:
        assert owner_of(facts_of(inactive_user_ids=inactive, **facts), of_alias, previous) == Owner(owner, reason)


def test_a_new_persons_company_is_found_by_domain() -> None:
    known = facts_of(company=CompanyFacts(9, 13))
    ownerless = facts_of(partner=a_partner(), company=CompanyFacts(9, None))

    assert owner_of(known, None) == Owner(13, Reason.OWNER_OF_COMPANY)
    assert owner_of(ownerless, None) == Owner(None, Reason.OWNER_NOBODY)


@pytest.mark.parametrize(("last", "turn"), [(None, 1), (1, 2), (2, 3), (3, 1), (99, 1)])
def test_round_robin_goes_on_after_the_last_one(last: int | None, turn: int) -> None:
    facts = facts_of(members=_TEAM[::-1], team_rule="round_robin", rotation_user_id=last)

    assert owner_of(facts, None) == Owner(turn, Reason.OWNER_BY_ROTATION)
    assert next_in_rotation(_TEAM, last) == turn


@pytest.mark.parametrize(("last", "turn"), [(None, 2), (2, 3), (3, 2), (1, 2)])
def test_least_loaded_takes_turns_among_equals(last: int | None, turn: int) -> None:
    facts = facts_of(members=_TEAM, team_rule="least_loaded", rotation_user_id=last)

    assert owner_of(facts, None) == Owner(turn, Reason.OWNER_BY_LOAD)
    assert least_loaded(_TEAM, last) == turn


@pytest.mark.parametrize("rule", ["round_robin", "least_loaded"])
def test_who_is_away_is_passed_over(rule: str) -> None:
    some = (Member(1, False, 0), Member(2, True, 9))
    nobody = (Member(1, False, 0),)

    assert owner_of(facts_of(members=some, team_rule=rule), None).user_id == 2
    assert owner_of(facts_of(members=nobody, team_rule=rule), None) == Owner(None, Reason.OWNER_NOBODY)


def test_a_team_that_shares_nothing_out_leaves_the_lead_to_nobody() -> None:
    assert owner_of(facts_of(members=_TEAM, team_rule="nobody"), None) == Owner(None, Reason.OWNER_NOBODY)
