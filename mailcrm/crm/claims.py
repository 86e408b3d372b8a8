"""Addresses that users say are theirs. Each is asked by a mail with a token of its own, and does nothing until it has answered.

    claim ──▶ asked ──confirm (the mail's answer, or its link after sign-in)──▶ an address of the user
                └──withdraw, or seven days──▶ nothing

What is asked goes to an address that somebody typed, so there are limits: five open questions, ten a day, the
same one once an hour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, update

from mailcrm.address import address_key, read_token, verify_token
from mailcrm.config import Mail
from mailcrm.crm.addresses import checked, refuse_staff_inside, refuse_taken
from mailcrm.crm.audit import record
from mailcrm.crm.done import Done, NotFound, Refused
from mailcrm.mail import Event, Intent, NoticeKind
from mailcrm.store.engine import Session
from mailcrm.store.tables import address_claim, outbox, user, user_address

_VALID = timedelta(days=7)
_AGAIN = timedelta(hours=1)
_MOST_OPEN = 5
_MOST_A_DAY = 10


@dataclass(frozen=True, slots=True)
class Claim:
    """An address that was asked and has not answered yet."""

    address: str
    asked_at: datetime


def claim_address(session: Session, user_id: int, address: str, mail: Mail, by: int | None, now: datetime) -> Done:
    """Ask an address whether it is the user's."""
    text, key = checked(address)
    refuse_staff_inside(key, mail)
    refuse_taken(session, key)
    if (
        session.execute(select(user.c.id).where(user.c.id == user_id, user.c.is_active).with_for_update()).first()
        is None
    ):
        raise NotFound("There is no user %(id)s.", id=user_id)
    session.execute(delete(address_claim).where(address_claim.c.asked_at < now - _VALID))
    _refuse_too_many(session, user_id, key, now)
    mine = address_claim.c.user_id == user_id
    known = session.execute(update(address_claim).where(mine, address_claim.c.key == key).values(asked_at=now))
    if known.rowcount == 0:
        session.execute(insert(address_claim), {"user_id": user_id, "address": text, "key": key, "asked_at": now})
    record(session, "claim_address", f"user {user_id}", by, now, {"address": text})
    return Done(user_id, (Event("address_claimed", None, actor_user_id=user_id, detail=text),))


def _refuse_too_many(session: Session, user_id: int, key: str, now: datetime) -> None:
    asked = select(address_claim.c.key, address_claim.c.asked_at).where(address_claim.c.user_id == user_id)
    when = {row.key: row.asked_at for row in session.execute(asked)}
    if key in when and when[key] > now - _AGAIN:
        raise Refused("%(address)s was asked less than an hour ago.", address=key)
    mails = select(func.count()).where(
        outbox.c.user_id == user_id, outbox.c.kind == NoticeKind.ADDRESS, outbox.c.created_at > now - timedelta(days=1)
    )
    if len(when.keys() - {key}) >= _MOST_OPEN or session.execute(mails).scalar_one() >= _MOST_A_DAY:
        raise Refused("Too many addresses were asked: wait for their answers.")


def confirm_address(session: Session, user_id: int, key: str, by: int | None, now: datetime) -> Done:
    """From now on the user writes from there as well."""
    mine = (address_claim.c.user_id == user_id, address_claim.c.key == key)
    asked = select(address_claim.c.address, address_claim.c.asked_at).where(*mine).with_for_update()
    row = session.execute(asked).first()
    if row is None or row.asked_at < now - _VALID:
        raise Refused("This question is not open any more: add the address again.")
    refuse_taken(session, key)
    session.execute(delete(address_claim).where(address_claim.c.key == key))
    new = {"user_id": user_id, "address": row.address, "key": key, "is_primary": False}
    session.execute(insert(user_address), new)
    record(session, "confirm_address", f"user {user_id}", by, now, {"address": row.address})
    return Done(user_id, (Event("address_confirmed", None, actor_user_id=user_id, detail=row.address),))


def confirmed_by_mail(session: Session, user_id: int, key: str, now: datetime) -> tuple[Event, ...]:
    """The same, for an answer that may come twice or too late: then nothing changes."""
    try:
        return confirm_address(session, user_id, key, user_id, now).events
    except Refused:
        return ()


def withdraw_claim(session: Session, user_id: int, address: str, by: int | None, now: datetime) -> Done:
    """The question is not open any more."""
    mine = (address_claim.c.user_id == user_id, address_claim.c.key == address_key(address))
    if session.execute(delete(address_claim).where(*mine)).rowcount == 0:
        raise NotFound("%(address)s is not an address of this user.", address=address)
    record(session, "withdraw_claim", f"user {user_id}", by, now, {"address": address})
    return Done(user_id)


def open_claims(session: Session, user_id: int, now: datetime) -> tuple[Claim, ...]:
    """The user's addresses that have not answered yet, the latest first."""
    asked = select(address_claim.c.address, address_claim.c.asked_at).where(
        address_claim.c.user_id == user_id, address_claim.c.asked_at >= now - _VALID
    )
    return tuple(Claim(*row) for row in session.execute(asked.order_by(address_claim.c.asked_at.desc())))


def claimed_by_token(session: Session, token: str, user_id: int, keys: Mapping[int, bytes]) -> str:
    """The address that the question with this token asked, if it was about this user; else NotFound."""
    claim = read_token(f"{token}@here")
    if claim is not None and claim.intent is Intent.CONFIRM:
        asked = select(outbox.c.reply_nonce, outbox.c.user_id, outbox.c.kind, outbox.c.params)
        row = session.execute(asked.where(outbox.c.id == claim.outbox_id)).first()
        is_mine = row is not None and row.user_id == user_id and row.kind == NoticeKind.ADDRESS
        if row is not None and is_mine and verify_token(claim, row.reply_nonce, keys):
            return str(row.params.get("detail", ""))
    raise NotFound("There is no such page.")
