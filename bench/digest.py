"""What a morning costs: the digests of a whole house, ``python -m bench.digest``.

200 users own 100,000 leads, with activities, mails, mentions, held and quiet mail. All digests are due at one time: they are read
and written as the daemon does it, then made into mails. The database is SQLite in a folder of its own.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, Table, event, insert, select, text

from bench.house import bench_config
from bench.mails import DOMAIN
from mailcrm import app
from mailcrm.config import Config
from mailcrm.crm.stages import seed_stages
from mailcrm.notify.compose import compose
from mailcrm.notify.digest import build, send_due
from mailcrm.notify.digest_content import rules_of
from mailcrm.notify.letterhead import letterhead
from mailcrm.notify.material import read_material
from mailcrm.notify.outbox import claim
from mailcrm.notify.render import Templates
from mailcrm.store.engine import Session, Store
from mailcrm.store.keyring import Keyring
from mailcrm.store.tables import (
    activity,
    inbound,
    lead,
    mention,
    message,
    outbox,
    outbox_recipient,
    partner,
    stage,
    stage_change,
    team,
    team_member,
    user,
    user_address,
)

_Answer = TypeVar("_Answer")
MORNING = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)  # 07:30 in Helsinki, a Tuesday
_LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
_PER_TEAM = 10
_BATCH = 5_000
_MANAGER_EVERY = 20  # users


@dataclass(frozen=True, slots=True)
class Sizes:
    users: int
    leads: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock on the wall, and of this process alone."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds for the whole house; statements of one user, at the least and the most."""

    digests: int
    written: "Spent"
    made: "Spent"
    statements: tuple[int, int]
    largest: int  # bytes of an HTML part


FULL = Sizes(users=200, leads=100_000)
QUICK = Sizes(users=20, leads=400)


def measure(sizes: Sizes, folder: Path) -> Figures:
    config = bench_config(folder, 1, "")
    app.migrate(config)
    store = Store(config.database_url)
    try:
        store.write(lambda session: _fill(session, sizes))
        return _measured(store, config, sizes)
    finally:
        store.close()


def _measured(store: Store, config: Config, sizes: Sizes) -> Figures:
    counts = [_statements(store, config, user_id) for user_id in range(1, min(sizes.users, 40) + 1)]
    digests, written = _timed(lambda: send_due(store, MORNING, config))
    mails, made = _timed(lambda: _made(store, config))
    return Figures(digests, written, made, (min(counts), max(counts)), max(map(_html_size, mails)))


def _timed(work: Callable[[], _Answer]) -> tuple[_Answer, Spent]:
    wall, cpu = time.perf_counter(), time.process_time()
    answer = work()
    return answer, Spent(time.perf_counter() - wall, time.process_time() - cpu)


def _made(store: Store, config: Config) -> list[bytes]:
    """Every mail that waits, made."""
    head, templates = letterhead(config, Keyring({1: b"k" * 32}, 1)), Templates()
    made: list[bytes] = []
    while rows := store.write(lambda session: claim(session, "bench", 50, MORNING)):
        with store.read() as session:
            materials = read_material(session, rows)
        made += [compose(one, head, templates, MORNING).raw for one in materials]
    return made


def _html_size(raw: bytes) -> int:
    part = message_from_bytes(raw, policy=default).get_body(("html",))
    return len(part.get_content().encode()) if part else 0


def _statements(store: Store, config: Config, user_id: int) -> int:
    with store.read() as session, _counted(store.reader) as said:
        build(session, user_id, MORNING, rules_of(config))
    return len(said)


@contextmanager
def _counted(engine: Engine) -> Iterator[list[str]]:
    said: list[str] = []

    def hear(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", hear)


# --- the house ----------------------------------------------------------------------------------------------------------


def _fill(session: Session, sizes: Sizes) -> None:
    """Rows as a house has them after a year; what waits is a part of them."""
    seed_stages(session)
    stages = list(session.execute(select(stage.c.id).where(stage.c.kind == "open")).scalars())
    users, teams = range(1, sizes.users + 1), max(1, sizes.users // _PER_TEAM)
    _add(session, team, ({"id": n, "name": f"Team {n}"} for n in range(1, teams + 1)))
    _add(session, user, (_user(n) for n in users))
    _add(session, user_address, ({"user_id": n, "address": _at(n), "key": _at(n), "is_primary": True} for n in users))
    _add(session, team_member, ({"team_id": _team_of(n, teams), "user_id": n} for n in users))
    leads = range(1, sizes.leads + 1)
    _add(
        session, partner, ({"id": n, "kind": "person", "name": f"Customer {n}", "created_at": _LONG_AGO} for n in leads)
    )
    _add(session, lead, (_lead(n, sizes.users, teams, stages) for n in leads))
    _add(session, activity, (_activity(n, sizes.users) for n in leads if n % 5))
    _add(session, message, (_message(n) for n in leads))
    _add(session, message, (_value_change(n) for n in leads if n % 5 == 0))
    _add(session, stage_change, (_stage_change(n, stages) for n in leads if n % 5 == 1))
    _add(session, mention, (_mention(n, sizes.users) for n in leads if n % 50 == 0))
    _add(session, inbound, (_inbound(n, sizes.users) for n in range(1, sizes.leads // 5 + 1)))
    _add(session, outbox, (_outbox(n, sizes.users) for n in range(1, sizes.leads // 5 + 1)))
    _add(session, outbox_recipient, (_recipient(n) for n in range(1, sizes.leads // 5 + 1)))
    session.execute(text("analyze"))


def _add(session: Session, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            session.execute(insert(table), batch)
            batch = []
    if batch:
        session.execute(insert(table), batch)


def _at(number: int) -> str:
    return f"seller{number}@firma.example"


def _user(number: int) -> dict[str, Any]:
    role = "manager" if number % _MANAGER_EVERY == 0 else "salesperson"
    locale = "fi" if number % 3 == 0 else "en"
    return {"id": number, "name": f"Seller {number}", "role": role, "locale": locale, "created_at": _LONG_AGO}


def _team_of(user_id: int, teams: int) -> int:
    return (user_id - 1) // _PER_TEAM % teams + 1


def _lead(number: int, users: int, teams: int, stages: list[int]) -> dict[str, Any]:
    turn = number // users  # each owner has leads of every kind
    is_closed, waits = turn % 4 == 0, number % 11 == 0
    since = MORNING - timedelta(hours=number % 400)
    return {
        "title": f"Quote for pump {number}",
        "partner_id": number,
        "owner_id": None if number % 500 == 0 else number % users + 1,
        "team_id": _team_of(number % users + 1, teams) if turn % 10 else None,
        "stage_id": stages[turn % len(stages)],
        "outcome": "won" if is_closed else None,
        "expected_revenue": Decimal(number % 90 * 1000) if number % 3 else None,
        "waiting_on": "us" if waits else "them",
        "waiting_since": since,
        "created_at": _LONG_AGO,
        "last_message_at": since,
    }


def _activity(number: int, users: int) -> dict[str, Any]:
    day = MORNING.date() + timedelta(days=number % 60 - 20)
    done = _LONG_AGO if number % 3 == 0 else None
    kind = ("call", "meeting", "mail", "quote", "todo")[number % 5]
    return {"lead_id": number, "user_id": number % users + 1, "type": kind, "summary": f"ask about pump {number}",
            "due_on": day, "done_at": done, "created_at": _LONG_AGO}  # fmt: skip


def _message(number: int) -> dict[str, Any]:
    said = f"Could you tell us what pump {number} costs, and when it can be here? " * 8
    return {
        "lead_id": number, "kind": "email_in", "author_kind": "partner", "author_partner_id": number, "text": said,
        "new_text": said, "segments": [], "reference_ids": [], "to": [], "cc": [], "event_data": {},
        "at": MORNING - timedelta(hours=number % 400), "created_at": MORNING,
    }  # fmt: skip


def _value_change(number: int) -> dict[str, Any]:
    changed = {"expected_revenue": [None, f"{number % 90 * 1000}.00"]}
    return {
        "lead_id": number, "kind": "event", "author_kind": "system", "segments": [], "reference_ids": [], "to": [], "cc": [],
        "event": "fields", "event_data": changed, "at": MORNING - timedelta(hours=number % 4000), "created_at": MORNING,
    }  # fmt: skip


def _stage_change(number: int, stages: list[int]) -> dict[str, Any]:
    first, last = stages[number % len(stages)], stages[(number + 1) % len(stages)]
    at = MORNING - timedelta(hours=number % 4000)
    return {"lead_id": number, "from_stage_id": first, "to_stage_id": last, "at": at}


def _mention(number: int, users: int) -> dict[str, Any]:
    return {"message_id": number, "lead_id": number, "user_id": number // 50 % users + 1, "created_at": MORNING}


def _inbound(number: int, users: int) -> dict[str, Any]:
    state = ("quiet", "done", "done", "held" if number % 40 == 3 else "done", "triage")[number % 5]
    return {
        "content_key": f"k{number}", "spool_id": f"s{number}", "received_at": MORNING - timedelta(minutes=number % 40_000),
        "door": "smtp", "rcpt_to": [], "from_address": f"c{number}@x.example", "from_key": f"c{number}@x.example",
        "subject": f"Mail {number}", "route": "hold", "reason": "staff_not_proven", "state": state, "defects": [],
        "author_user_id": number % users + 1 if state == "held" else None, "decided_at": MORNING,
    }  # fmt: skip


def _outbox(number: int, users: int) -> dict[str, Any]:
    return {
        "id": number, "kind": "customer_reply", "dedupe_key": f"o{number}", "message_id": f"{number}@{DOMAIN}",
        "reply_nonce": b"0" * 16, "lead_id": number, "actor_user_id": number % users + 1, "params": {}, "state": "sent",
        "next_attempt_at": MORNING, "created_at": MORNING - timedelta(hours=number % 400),
    }  # fmt: skip


def _recipient(number: int) -> dict[str, Any]:
    address = f"c{number}@x.example"
    is_bounced = number % 100 == 0
    return {"outbox_id": number, "address": address, "key": address, "kind": "to", "code": "5.1.1" if is_bounced else "",
            "state": "failed" if is_bounced else "sent", "at": MORNING - timedelta(hours=number % 400)}  # fmt: skip


# --- the table ----------------------------------------------------------------------------------------------------------


def rows(sizes: Sizes, figures: Figures) -> Iterator[str]:
    few, many = figures.statements
    written, made = figures.written, figures.made
    yield f"{f'{figures.digests} digests over {sizes.leads} leads':<54}{'wall':>12}{'CPU':>12}"
    yield f"{'  read and written, seconds':<54}{written.wall:>12.2f}{written.cpu:>12.2f}"
    yield f"{'  made into mails, seconds':<54}{made.wall:>12.2f}{made.cpu:>12.2f}"
    yield f"{'  in all, seconds':<54}{written.wall + made.wall:>12.2f}{written.cpu + made.cpu:>12.2f}"
    yield f"{'  statements a user':<54}{few if few == many else f'{few}-{many}':>12}"
    yield f"{'  largest HTML, bytes':<54}{figures.largest:>12}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.digest", description="Measure a morning of digests.")
    parser.add_argument("--quick", action="store_true", help="few rows: shows that it runs, its figures mean little")
    sizes = QUICK if parser.parse_args().quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(rows(sizes, measure(sizes, Path(folder)))))


if __name__ == "__main__":
    main()
