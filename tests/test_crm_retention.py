"""The daily job takes what is too old, and nothing else."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from mailcrm.crm.chatter import NewMessage, add_message
from mailcrm.crm.retention import keep_retention
from mailcrm.mail import Door, Envelope
from mailcrm.store.tables import attachment, inbound, message, outbox, raw, web_session
from tests.house import DOMAIN, START, House, open_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as house:
        yield house


def add_inbound(house: House, state: str, *, days: int, content: str = "x") -> int:
    at = house.clock.at - timedelta(days=days)

    def work(session: Any) -> int:
        row: dict[str, Any] = {"sha256": content * 64, "size": 1, "compressed": b"x", "created_at": at}
        raw_id = session.execute(insert(raw), row).inserted_primary_key[0]
        key = f"{state}-{days}-{content}"
        mail = {"content_key": key, "spool_id": key, "received_at": at, "door": "smtp", "rcpt_to": [], "defects": []}
        mail |= {"route": state, "reason": "alias", "state": state, "raw_id": raw_id, "decided_at": at}
        return int(session.execute(insert(inbound), mail).inserted_primary_key[0])

    return house.desk.store.write(work)


def left(house: House) -> set[int]:
    return {row.id for row in house.all(select(inbound.c.id))}


def test_quiet_and_triage_mails_go_after_their_days_with_their_bytes(house: House) -> None:
    for state in ("quiet", "triage", "dismissed"):
        add_inbound(house, state, days=31)
    kept = {add_inbound(house, state, days=29) for state in ("quiet", "triage", "dismissed")}
    kept |= {add_inbound(house, state, days=100) for state in ("held", "done", "buried")}
    counts = keep_retention(house.desk)
    assert (counts["quiet"], counts["triage"]) == (1, 2)
    assert left(house) == kept
    assert len(house.all(select(raw.c.id))) == len(kept)
    assert set(keep_retention(house.desk).values()) == {0}


def test_a_mail_that_became_a_message_stays_and_loses_only_its_bytes(house: House) -> None:
    lead_id = house.add_lead()
    old, young = add_inbound(house, "quiet", days=200), add_inbound(house, "done", days=179)
    raw_id = house.one(select(inbound.c.raw_id).where(inbound.c.id == old))
    new = NewMessage(lead_id, "email_in", "partner", START, START, text="Hello", inbound_id=old, raw_id=raw_id)
    house.desk.store.write(lambda session: add_message(session, new))
    assert keep_retention(house.desk)["raw"] == 1
    assert left(house) == {old, young}
    assert house.one(select(message.c.text).where(message.c.inbound_id == old)) == "Hello"
    assert house.one(select(message.c.raw_id).where(message.c.inbound_id == old)) is None
    assert house.one(select(inbound.c.raw_id).where(inbound.c.id == young)) is not None


def test_sent_bytes_go_and_the_row_of_the_token_stays(house: House) -> None:
    def work(session: Any) -> None:
        for n, (state, days) in enumerate((("sent", 91), ("sent", 89), ("held", 200), ("failed", 91))):
            at = house.clock.at - timedelta(days=days)
            row: dict[str, Any] = {
                "kind": "message",
                "dedupe_key": str(n),
                "message_id": str(n),
                "reply_nonce": b"0" * 16,
                "params": {},
            }
            row |= {"bytes": b"mail", "state": state, "next_attempt_at": at, "created_at": at}
            session.execute(insert(outbox), [row])

    house.desk.store.write(work)
    assert keep_retention(house.desk)["sent"] == 2
    assert [row.bytes for row in house.all(select(outbox.c.bytes).order_by(outbox.c.id))] == [
        None,
        b"mail",
        b"mail",
        None,
    ]


def test_ended_sign_ins_go(house: House) -> None:
    def work(session: Any) -> None:
        for n in (-1, 1):
            at = house.clock.at + timedelta(hours=n)
            row: dict[str, Any] = {
                "hash": str(n),
                "user_id": house.alice,
                "csrf": "",
                "created_at": START,
                "expires_at": at,
            }
            session.execute(insert(web_session), [row])

    house.desk.store.write(work)
    assert keep_retention(house.desk)["sessions"] == 1


def test_a_blob_without_a_row_goes_after_a_day_and_one_with_a_row_never(house: House) -> None:
    blobs = house.desk.blobs
    orphan, attached, young = blobs.put(b"orphan"), blobs.put(b"attached"), blobs.put(b"young")
    lead_id = house.add_lead()

    def work(session: Any) -> None:
        row_id = add_message(session, NewMessage(lead_id, "email_in", "partner", START, START))
        file = {"message_id": row_id, "sha256": attached, "filename": "f", "content_type": "a/b", "size": 1}
        session.execute(insert(attachment), [file])

    house.desk.store.write(work)
    for sha256, hours in ((orphan, 25), (attached, 25), (young, 23)):
        at = (house.clock.at - timedelta(hours=hours)).timestamp()
        os.utime(blobs.path(sha256), (at, at))
    assert keep_retention(house.desk)["blobs"] == 1
    assert [blobs.path(sha256).exists() for sha256 in (orphan, attached, young)] == [False, True, True]


def test_buried_mails_go_after_their_days(house: House) -> None:
    spool = house.desk.spool
    spool.put(Envelope("a@x.test", (f"sales@{DOMAIN}",), house.clock.at, Door.SMTP), b"Subject: x\r\n\r\n")
    spool.wait(1)
    [entry] = spool.claim(1)
    spool.bury(entry, "it was poison")
    assert keep_retention(house.desk)["buried"] == 0
    house.clock.at = datetime.now(UTC) + timedelta(days=91)  # the file system says when it was buried
    assert keep_retention(house.desk)["buried"] == 1
    assert spool.buried() == []
