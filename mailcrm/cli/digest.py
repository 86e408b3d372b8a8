"""``digest``: show or send one person's digest by hand."""

from datetime import UTC, date, datetime, time
from email import message_from_bytes
from email.policy import default
from zoneinfo import ZoneInfo

import click
from sqlalchemy import select

from mailcrm.address import address_key
from mailcrm.cli.control import writes, writing_desk
from mailcrm.crm.desk import Desk
from mailcrm.crm.done import NotFound
from mailcrm.notify.compose import Composed
from mailcrm.notify.digest import preview, send_one
from mailcrm.notify.digest_content import rules_of
from mailcrm.notify.letterhead import letterhead
from mailcrm.notify.render import Templates
from mailcrm.store.tables import user, user_address


@click.command()
@click.option("--user", "email", required=True, help="An address of the person.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Which local date's digest; default: today.")
@click.option("--dry-run", is_flag=True, help="Print the mail and write nothing.")
@click.pass_context
@writes
def digest(ctx: click.Context, email: str, day: datetime | None, dry_run: bool) -> None:
    """Show or send one person's digest.

    A date has one digest: a second one is refused, whoever sent the first.
    """
    with writing_desk(ctx) as desk:
        user_id, zone, at = _person(desk, email)
        local_date = day.date() if day else desk.now().astimezone(ZoneInfo(zone)).date()
        if dry_run:
            click.echo(_shown(_preview(desk, user_id, _moment(desk, local_date, zone, at))))
            return
        answer = send_one(desk.store, user_id, local_date, desk.now(), desk.config)
        desk.wake()
    click.echo(
        {
            "sent": f"The digest of {local_date} is on its way to {email}.",
            "empty": f"There is nothing to say on {local_date}: no mail was sent.",
            "already": f"{email} has had the digest of {local_date}.",
        }[answer]
    )


def _person(desk: Desk, email: str) -> tuple[int, str, str]:
    with desk.store.read() as session:
        statement = (
            select(user.c.id, user.c.time_zone, user.c.digest_at)
            .join(user_address, user_address.c.user_id == user.c.id)
            .where(user_address.c.key == address_key(email), user.c.is_active)
        )
        row = session.execute(statement).first()
    if row is None:
        raise NotFound("%(email)s is not an active user.", email=email)
    return row.id, row.time_zone, row.digest_at


def _moment(desk: Desk, local_date: date, zone: str, at: str) -> datetime:
    """The time the digest of that date speaks of: now for today, else its sending time."""
    now = desk.now()
    if local_date == now.astimezone(ZoneInfo(zone)).date():
        return now
    hour, minute = (int(part) for part in at.split(":"))
    return datetime.combine(local_date, time(hour, minute), ZoneInfo(zone)).astimezone(UTC)


def _preview(desk: Desk, user_id: int, now: datetime) -> Composed | None:
    head = letterhead(desk.config, desk.keyring)
    with desk.store.read() as session:
        return preview(session, user_id, now, rules_of(desk.config), head, Templates())


def _shown(mail: Composed | None) -> str:
    if mail is None:
        return "There is nothing to say: no mail would be sent."
    parsed = message_from_bytes(mail.raw, policy=default)
    part = parsed.get_body(("plain",))
    return f"To: {parsed['To']}\nSubject: {parsed['Subject']}\n\n{part.get_content() if part else ''}"
