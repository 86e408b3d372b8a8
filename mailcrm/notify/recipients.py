"""Who hears about an event, as what kind of mail, and why. Pure: an event and the people of its lead in, notices out.

Nobody hears twice of one event, the actor never, an inactive user never. Whoever was in To or Cc of the mail itself is returned
as skipped, so that the page can say so; the owner is never skipped. A customer's mail always reaches somebody: the owner, else the
team, else the managers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailcrm.mail import Address, Event, NoticeKind, Reason

HAD_IT_DIRECTLY = "had_it_directly"
_MAY_BE_SKIPPED = ("follower", "mentioned")


@dataclass(frozen=True, slots=True)
class Person:
    """A user as far as notices go. ``keys`` are all own addresses, ``address`` the one that mail goes to."""

    id: int
    name: str
    address: str
    keys: frozenset[str] = frozenset()
    is_active: bool = True
    is_absent: bool = False
    wishes: Mapping[str, str] = field(default_factory=dict)  # topic of a notice -> how it reaches them
    has_daily_digest: bool = True
    told_at: datetime | None = None  # of this lead, within the time in which more is gathered
    told_count: int = 0  # notices that left at once within it, of all leads


@dataclass(frozen=True, slots=True)
class LeadPeople:
    """Everybody an event may concern. ``team`` are the members who take leads; ``writer`` wrote the mail in question."""

    owner: Person | None = None
    deputy: Person | None = None  # of an absent owner
    team: tuple[Person, ...] = ()
    also_teams: tuple[Person, ...] = ()
    followers: tuple[Person, ...] = ()
    mentioned: tuple[Person, ...] = ()
    managers: tuple[Person, ...] = ()  # and admins
    admins: tuple[Person, ...] = ()
    writer: Person | None = None
    customer: Address | None = None  # whom an answer goes to
    copies: tuple[Address, ...] = ()  # the customer's own Cc, confirmed


@dataclass(frozen=True, slots=True)
class Notice:
    """One event for one person, or, of kind CUSTOMER_REPLY, for the people outside (``person`` is None)."""

    kind: NoticeKind
    why: str  # owner, deputy, team, also_team, follower, mentioned, writer, manager, admin, customer
    person: Person | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...] = ()
    skipped: str = ""


_Tied = tuple[str, Person]


def recipients(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    """The notices of ``event``; none for a kind that tells nobody."""
    rule = _RULES.get(event.kind)
    return rule(event, people) if rule else ()


def _message_in(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    responsible = [*_responsible(people), *_all("also_team", people.also_teams)] or _all("manager", people.managers)
    tied = [*responsible, *_all("mentioned", people.mentioned), *_all("follower", people.followers)]
    return _notices(NoticeKind.MESSAGE, event, tied, tells_actor=True)  # who forwarded it answers it, perhaps


def _message_out(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    tied = [*_all("owner", _one(people.owner)), *_all("follower", people.followers)]
    return (*_to_customer(event, people), *_notices(NoticeKind.SENT, event, tied))


def _to_customer(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    if event.reason == Reason.SENT_DIRECTLY or people.customer is None:
        return ()
    return (Notice(NoticeKind.CUSTOMER_REPLY, "customer", None, (people.customer,), people.copies),)


def _acknowledged(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    """To the writer alone."""
    if people.customer is None:
        return ()
    return (Notice(NoticeKind.ACKNOWLEDGEMENT, "customer", None, (people.customer,)),)


def _note(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    tied = [*_all("mentioned", people.mentioned), *_all("owner", _one(people.owner))]
    owner = people.owner.id if people.owner else None
    notices = _notices(NoticeKind.NOTE, event, [*tied, *_all("follower", people.followers)])
    return tuple(
        _never_skipped(notice) if notice.person and notice.person.id == owner else notice for notice in notices
    )


def _never_skipped(notice: Notice) -> Notice:
    return Notice(notice.kind, notice.why, notice.person, notice.to, notice.cc)


def _assigned(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    if people.owner is None or people.owner.id == event.actor_user_id:
        return ()
    return _notices(NoticeKind.ASSIGNED, event, [*_all("owner", (people.owner,)), *_deputy(people)])


def _failed(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    told = _all("writer", _one(people.writer)) or _all("owner", _one(people.owner)) or _all("manager", people.managers)
    return _notices(NoticeKind.FAILED, event, told, tells_actor=True)


def _held(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    return _notices(NoticeKind.HELD, event, _all("writer", _one(people.writer)), tells_actor=True)


def _receipt(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    return _notices(NoticeKind.RECEIPT, event, _all("writer", _one(people.writer)), tells_actor=True)


def _history(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    return _notices(NoticeKind.HISTORY, event, _all("writer", _one(people.writer)), tells_actor=True)


def _loop(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    told = _all("owner", _one(people.owner)) or _all("manager", people.managers)
    return _notices(NoticeKind.LOOP, event, told)


def _admin(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    """Mail to postmaster@ and the like; or a supplier's, which has no lead but a team to read it."""
    if event.also_team_ids:
        told = _all("also_team", people.also_teams) or _all("manager", people.managers)
        return _notices(NoticeKind.MESSAGE, event, told)
    return _notices(NoticeKind.ADMIN, event, _all("admin", people.admins) or _all("manager", people.managers))


def _absence(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    """Who is away, and the managers; where there is none, the administrators."""
    admins = {person.id for person in people.admins}
    managers = [person for person in people.managers if person.id not in admins] or people.admins
    tied = [*_all("away", _one(people.writer)), *_all("manager", managers)]
    return _notices(NoticeKind.ABSENCE, event, tied, tells_actor=True)


def _reminder(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    return _notices(NoticeKind.REMINDER, event, _all("reminded", _one(people.writer)), tells_actor=True)


def _address(event: Event, people: LeadPeople) -> tuple[Notice, ...]:
    """The question goes to the address in question, the answer to the one we know."""
    who = people.writer
    if who is None or not who.is_active:
        return ()
    address = event.detail if event.kind == "address_claimed" else who.address
    return (Notice(NoticeKind.ADDRESS, "writer", who, (Address(who.name, address),)),)


_RULES = {
    "address_claimed": _address,
    "address_confirmed": _address,
    "message_in": _message_in,
    "message_out": _message_out,
    "acknowledged": _acknowledged,
    "note": _note,
    "event_assigned": _assigned,
    "message_failed": _failed,
    "message_delayed": _failed,
    "held": _held,
    "receipt": _receipt,
    "history": _history,
    "loop": _loop,
    "admin": _admin,
    "absence": _absence,
    "reminder": _reminder,
}


def _responsible(people: LeadPeople) -> list[_Tied]:
    owner = _all("owner", _one(people.owner))
    if owner:
        return [*owner, *_deputy(people)]
    return _all("team", people.team)


def _deputy(people: LeadPeople) -> list[_Tied]:
    is_needed = people.owner is not None and people.owner.is_absent
    return _all("deputy", _one(people.deputy)) if is_needed else []


def _one(person: Person | None) -> tuple[Person, ...]:
    return (person,) if person else ()


def _all(why: str, persons: Iterable[Person]) -> list[_Tied]:
    return [(why, person) for person in persons if person.is_active]


def _notices(kind: NoticeKind, event: Event, tied: list[_Tied], *, tells_actor: bool = False) -> tuple[Notice, ...]:
    """One notice per person, for the first tie that names them."""
    told: dict[int, Notice] = {}
    for why, person in tied:
        if person.id in told or (person.id == event.actor_user_id and not tells_actor):
            continue
        skipped = HAD_IT_DIRECTLY if why in _MAY_BE_SKIPPED and person.keys & set(event.had_it_directly) else ""
        told[person.id] = Notice(kind, why, person, (Address(person.name, person.address),), (), skipped)
    return tuple(told.values())
