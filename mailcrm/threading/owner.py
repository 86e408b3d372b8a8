"""Who owns a new lead: the chain of DESIGN section 3, each link with its Reason. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailcrm.mail import Facts, Member, Reason


@dataclass(frozen=True, slots=True)
class Owner:
    """The chosen owner (None: nobody) and the rule that chose."""

    user_id: int | None
    reason: Reason


def owner_of(facts: Facts, alias_owner_id: int | None, previous_owner_id: int | None = None) -> Owner:
    """First that holds: owner of the thread, partner, company, the company's latest lead, alias; else the team's rule."""
    partner = facts.partner
    company_owner = partner.company_owner_id if partner else None
    if company_owner is None and facts.company:
        company_owner = facts.company.owner_id
    chain = (
        (previous_owner_id, Reason.OWNER_OF_THREAD),
        (partner.owner_id if partner else None, Reason.OWNER_OF_PARTNER),
        (company_owner, Reason.OWNER_OF_COMPANY),
        (facts.company_lead_owner_id, Reason.OWNER_OF_COMPANY_LEAD),
        (alias_owner_id, Reason.OWNER_OF_ALIAS),
    )
    for user_id, reason in chain:
        if user_id is not None and user_id not in facts.inactive_user_ids:
            return Owner(user_id, reason)
    return _by_rule(facts)


def _by_rule(facts: Facts) -> Owner:
    present = [m for m in facts.members if m.is_present]
    if facts.team_rule == "least_loaded" and present:
        return Owner(least_loaded(present, facts.rotation_user_id), Reason.OWNER_BY_LOAD)
    if facts.team_rule == "round_robin" and present:
        return Owner(next_in_rotation(present, facts.rotation_user_id), Reason.OWNER_BY_ROTATION)
    return Owner(None, Reason.OWNER_NOBODY)


def next_in_rotation(members: Sequence[Member], last_user_id: int | None) -> int:
    """The member after the last one, in order of id; the first when the last is unknown or was the highest."""
    ids = sorted(m.user_id for m in members)
    return next((i for i in ids if last_user_id is not None and i > last_user_id), ids[0])


def least_loaded(members: Sequence[Member], last_user_id: int | None) -> int:
    """The member with the fewest open leads; among equals the one whose turn it is."""
    fewest = min(m.open_count for m in members)
    return next_in_rotation([m for m in members if m.open_count == fewest], last_user_id)
