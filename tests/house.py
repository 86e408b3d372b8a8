"""A house to test in: a real desk on a real database, with Alice who owns, Bob who follows, and Carol the customer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Select, event

from mailcrm.config import from_mapping
from mailcrm.crm.call import Call
from mailcrm.crm.desk import Desk
from mailcrm.crm.leads import NewLead, create_lead
from mailcrm.crm.partners import NewCompany, NewPerson, add_company, add_person
from mailcrm.crm.people import NewUser, add_user
from mailcrm.crm.stages import seed_stages
from mailcrm.crm.teams import NewAlias, add_alias, add_member, add_team
from mailcrm.ingest.spool import Spool
from mailcrm.store import migrate
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Store
from mailcrm.store.keyring import load_or_make

DOMAIN = "crm.firma.test"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # a Monday


class Clock:
    """The time a test says it is."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def pass_time(self, **how_long: float) -> None:
        self.at += timedelta(**how_long)


@dataclass(frozen=True)
class House:
    """The desk and the ids of everybody in it."""

    desk: Desk
    clock: Clock
    alice: int  # salesperson, speaks Finnish
    bob: int  # salesperson
    dora: int  # colleague
    mona: int  # manager
    adam: int  # admin
    team: int
    carol: int  # the customer
    company: int  # hers

    def add_lead(self, title: str = "Offer for windows", owner: int | None = None, **more: Any) -> int:
        given: dict[str, Any] = {"partner_id": self.carol, "company_id": self.company, "team_id": self.team, **more}
        new = NewLead(title, owner_id=self.alice if owner is None else owner, **given)
        return self.desk.store.write(lambda session: create_lead(session, new, None, self.clock.at))

    def all(self, statement: Select[Any]) -> Sequence[Any]:
        with self.desk.store.read() as session:
            return session.execute(statement).all()

    def one(self, statement: Select[Any]) -> Any:
        with self.desk.store.read() as session:
            return session.execute(statement).scalar_one()

    @contextmanager
    def counted_statements(self) -> Iterator[list[str]]:
        """The statements that readers send meanwhile."""
        said: list[str] = []

        def hear(_c: object, _cursor: object, statement: str, *_more: object) -> None:
            said.append(statement)

        event.listen(self.desk.store.reader, "before_cursor_execute", hear)
        try:
            yield said
        finally:
            event.remove(self.desk.store.reader, "before_cursor_execute", hear)


@contextmanager
def open_house(folder: Path, url: str = "") -> Iterator[House]:
    """A new house in ``folder``; on SQLite unless another database is given."""
    settings = {"mail": {"domains": [DOMAIN]}, "storage": {"data_dir": "data", "database": url}}
    config = from_mapping(settings, folder)
    config.data_dir.mkdir(mode=0o700)
    migrate.upgrade(config.database_url)
    store, clock = Store(config.database_url), Clock()
    spool = Spool(config.data_dir / "spool", "test", clock)
    keyring = load_or_make(config.data_dir / "keys.json")
    desk = Desk(config, store, Blobs(config.data_dir / "blobs"), keyring, spool, clock, lambda: None)
    try:
        store.write(seed_stages)
        yield _furnish(desk, clock)
    finally:
        spool.close()
        store.close()


def _furnish(desk: Desk, clock: Clock) -> House:
    mail = desk.config.mail

    def user(name: str, role: str, locale: str = "en") -> int:
        new = NewUser(name, f"{name.split()[0].lower()}@firma.test", role, locale)
        return desk.perform(Call(add_user, (new, mail)))

    alice, bob = user("Alice Aalto", "salesperson", "fi"), user("Bob Berg", "salesperson")
    dora, mona, adam = user("Dora Dahl", "colleague"), user("Mona Maki", "manager"), user("Adam Admin", "admin")
    team = desk.perform(Call(add_team, ("North", "round_robin")))
    for member in (alice, bob):
        desk.perform(Call(add_member, (team, member, True)))
    desk.perform(Call(add_alias, (NewAlias(f"sales@{DOMAIN}", team, source="web", tags=("new",)),)))
    company = desk.perform(Call(add_company, (NewCompany("Customer Oy", "customer.test"), mail.domains)))
    person = NewPerson("Carol Customer", "carol@customer.test", company, alice)
    carol = desk.perform(Call(add_person, (person, mail.domains)))
    return House(desk, clock, alice, bob, dora, mona, adam, team, carol, company)
