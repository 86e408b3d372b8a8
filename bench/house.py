"""The firm that receives the mails: ten salespeople in two teams, two aliases, known partners with owners."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.mails import DOMAIN, PARTNER_COUNT, partner_address
from mailcrm import app
from mailcrm.config import Config, from_mapping
from mailcrm.crm.partners import NewCompany, NewPerson, add_company, add_person
from mailcrm.crm.people import NewUser, add_user
from mailcrm.crm.teams import NewAlias, add_alias, add_member, add_team
from mailcrm.store.engine import Session

_NO_LIMIT = 1_000_000_000


def bench_config(folder: Path, relay_port: int, database: str) -> Config:
    """The defaults, without the limits that a run would meet: its mails come from one place and within minutes."""
    loops = ("max_new_leads_per_address", "max_new_leads_per_domain", "max_messages_per_lead", "max_equal_bodies")
    made: dict[str, dict[str, Any]] = {
        "company": {"name": "Firma", "locale": "en"},
        "storage": {"data_dir": str(folder), "database": database},
        "mail": {"domains": [DOMAIN]},
        "smtp": {"port": 0, "per_domain_per_hour": _NO_LIMIT},
        "relay": {"port": relay_port},
        "web": {"port": 0, "public_url": "http://page.firma.example"},
        "ingest": dict.fromkeys(loops, _NO_LIMIT),
        "notify": {"burst_seconds": 0},  # else most notices would wait for each other, and none is measured alone
    }
    return from_mapping(made, folder)


def furnish(config: Config) -> None:
    """Make the database and write who is there; a database that has people already is refused."""
    app.migrate(config)
    with app.foundation(config) as base:
        base.store.write(lambda session: _fill(session, config, datetime.now(UTC)))


def _fill(session: Session, config: Config, now: datetime) -> None:
    users: list[int] = []
    teams = [add_team(session, name, "round_robin", None, now).id for name in ("Sales", "Export")]
    for number in range(10):
        locale = "fi" if number % 3 == 0 else "en"
        new = NewUser(
            name=f"Seller {number}", address=f"seller{number}@firma.example", role="salesperson", locale=locale
        )
        users.append(add_user(session, new, config.mail, None, now).id)
        add_member(session, teams[number % 2], users[-1], True, None, now)
    for local, team_id in zip(("sales", "export"), teams, strict=True):
        alias = NewAlias(address=f"{local}@{DOMAIN}", team_id=team_id, source="mail", medium="email", tags=("web",))
        add_alias(session, alias, None, now)
    for number in range(PARTNER_COUNT):
        domain = partner_address(number).partition("@")[2]
        company = add_company(session, NewCompany(name=f"Customer {number}", domain=domain), [DOMAIN], None, now).id
        known = NewPerson(
            name=f"Known {number}",
            address=partner_address(number),
            company_id=company,
            owner_id=users[number % len(users)],
        )
        add_person(session, known, [DOMAIN], None, now)
