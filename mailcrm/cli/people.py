"""``user``, ``team``, ``alias``, ``apikey``: who works here, and which addresses feed whom. Each command is one verb."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click
from sqlalchemy import select

from mailcrm.address import address_key
from mailcrm.app import foundation
from mailcrm.cli.control import writes, writing_desk
from mailcrm.cli.main import Context
from mailcrm.crm import notices, people, teams
from mailcrm.crm.absence import come_back, go_away
from mailcrm.crm.api_keys import add_api_key, key_hash, new_key, revoke_api_key
from mailcrm.crm.call import Call
from mailcrm.crm.claims import claim_address
from mailcrm.crm.done import Done, NotFound
from mailcrm.crm.handover import handover
from mailcrm.crm.passwords import password_hash
from mailcrm.crm.rights import primary_address
from mailcrm.store.engine import Session
from mailcrm.store.tables import alias as alias_table
from mailcrm.store.tables import api_key, team_member, user_address
from mailcrm.store.tables import team as team_table
from mailcrm.store.tables import user as user_table
from mailcrm.wishes import Level, Topic

# --- users --------------------------------------------------------------------------------------------------------------


@click.group()
def user() -> None:
    """People who work here. A user is named by one of their addresses."""


@user.command("add")
@click.argument("address")
@click.option("--name", required=True, help="As customers and colleagues read it.")
@click.option("--role", type=click.Choice(people.ROLES), default="salesperson", show_default=True)
@click.option("--team", "team_name", help="Put them into this team.")
@click.option(
    "--locale", type=click.Choice(["fi", "en"]), help="Language of their notices and page; else the company's."
)
@click.option("--time-zone", help="Else the company's.")
@click.option("--working-days", default="12345", show_default=True, help="Monday is 1.")
@click.option("--digest-at", default="07:30", show_default=True, help="Local time of the morning digest.")
@click.option(
    "--receipts", type=click.Choice(["all", "errors"]), default="all", show_default=True, help="Of commands by mail."
)
@click.pass_context
@writes
def user_add(
    ctx: click.Context,
    /,
    address: str,
    name: str,
    role: str,
    team_name: str | None,
    locale: str | None,
    time_zone: str | None,
    working_days: str,
    digest_at: str,
    receipts: str,
) -> None:
    """Add a user. Set a password with `mailcrm user password`, or let them work by mail alone."""
    with writing_desk(ctx) as desk:
        company = desk.config.company
        zone = time_zone or company.time_zone
        new = people.NewUser(name, address, role, locale or company.locale, zone, working_days, digest_at, receipts)

        def verb(session: Session, by: None, now: datetime) -> Done:
            done = people.add_user(session, new, desk.config.mail, by, now)
            if team_name:
                teams.add_member(session, _team(session, team_name), done.id, role != "colleague", by, now)
            return done

        desk.perform(Call(verb, ()))
    click.echo(f"{name} <{address}> is a {role} now.")


@user.command("list")
@click.pass_obj
def user_list(context: Context) -> None:
    """List all users."""
    with _reading(context) as session:
        asked = select(user_table, primary_address(user_table.c.id).label("address")).order_by(user_table.c.name)
        rows = [
            (row.address or "", row.name, row.role, row.locale, row.time_zone, "" if row.is_active else "deactivated")
            for row in session.execute(asked)
        ]
    _table(("address", "name", "role", "locale", "time zone", ""), rows)


@user.command("password")
@click.argument("address")
@click.option("--hash", "hash_", hidden=True)
@click.pass_context
def user_password(ctx: click.Context, address: str, hash_: str | None) -> None:
    """Set a user's password for the page: asked for, or the first line of standard input."""
    if hash_ is None:
        hash_ = password_hash(_typed_password())
        context = ctx.find_object(Context)
        if context is not None:  # a running daemon is given the hash and never the password
            context.arguments = (*context.arguments, "--hash", hash_)
    _set_password(ctx, address, hash_)


def _typed_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


@writes
def _set_password(ctx: click.Context, address: str, hash_: str) -> None:
    _on_user(ctx, address, people.set_password, hash_)
    click.echo(f"The password of {address} is set; whoever was signed in is signed out.")


@user.command("receipts")
@click.argument("address")
@click.argument("which", type=click.Choice(["all", "errors"]))
@click.pass_context
@writes
def user_receipts(ctx: click.Context, address: str, which: str) -> None:
    """Whether a user gets a receipt of every command by mail, or only of what could not be done."""
    _on_user(ctx, address, people.set_user_fields, {"receipts": which})
    click.echo(f"{address} gets receipts: {which}.")


@user.command("notices")
@click.argument("address")
@click.argument("topic", type=click.Choice([*(topic.value for topic in Topic), "all"]))
@click.argument("level", type=click.Choice([level.value for level in Level]))
@click.pass_context
@writes
def user_notices(ctx: click.Context, address: str, topic: str, level: str) -> None:
    """How notices of a topic reach a user: now, batched (one mail some minutes after the first), digest or off."""
    levels = notices.as_far_as_possible(Level(level)) if topic == "all" else {Topic(topic): Level(level)}
    _on_user(ctx, address, notices.set_notices, levels)
    for one, chosen in levels.items():
        click.echo(f"{address} gets notices of {one.value}: {chosen.value}.")


@user.command("digest")
@click.argument("address")
@click.argument("how_often", type=click.Choice(people.DIGESTS))
@click.option("--day", type=click.IntRange(1, 7), help="Of a weekly digest: Monday is 1.")
@click.option("--at", help="Local time, as 07:30.")
@click.option("--working-days", help="On which it comes: 12345 is Monday to Friday.")
@click.option("--holidays", help="A country whose public holidays they have, as SE; none; or house: as the house.")
@click.pass_context
@writes
def user_digest(
    ctx: click.Context,
    /,
    address: str,
    how_often: str,
    day: int | None,
    at: str | None,
    working_days: str | None,
    holidays: str | None,
) -> None:
    """How often and when a user gets the digest. One that comes on a holiday or during an absence waits for the next day."""
    given = {
        "digest": how_often,
        "digest_day": str(day) if day else None,
        "digest_at": at,
        "working_days": working_days,
    }
    changes: dict[str, str | None] = {name: value for name, value in given.items() if value is not None}
    if holidays is not None:
        changes["holidays"] = {"none": "", "house": None}.get(holidays, holidays)
    _on_user(ctx, address, people.set_user_fields, changes)
    click.echo(f"{address} gets the digest: {how_often}.")


@user.command("deactivate")
@click.argument("address")
@click.option("--handover", "to_address", help="Give their partners, open leads, activities and follows to this user.")
@click.pass_context
@writes
def user_deactivate(ctx: click.Context, address: str, to_address: str | None) -> None:
    """End a user's sign-ins, keys and reply addresses at once."""

    def verb(session: Session, user_id: int, by: None, now: datetime) -> Done:
        if to_address:
            handover(session, user_id, _user(session, to_address), by, now)
        return people.deactivate_user(session, user_id, by, now)

    _on_user(ctx, address, verb)
    click.echo(f"{address} is deactivated.")


@user.command("activate")
@click.argument("address")
@click.pass_context
@writes
def user_activate(ctx: click.Context, address: str) -> None:
    """Let a deactivated user work again."""
    _on_user(ctx, address, people.activate_user)
    click.echo(f"{address} is active.")


@user.command("away")
@click.argument("address")
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The last day away.")
@click.option("--deputy", help="One address of the user who stands in.")
@click.pass_context
@writes
def user_away(ctx: click.Context, address: str, until: datetime, deputy: str | None) -> None:
    """Away to the end of a day: new leads go to others, and the deputy hears of theirs as well."""

    def verb(session: Session, user_id: int, by: None, now: datetime) -> Done:
        return go_away(session, user_id, until.date(), by, now, _user(session, deputy) if deputy else None)

    _on_user(ctx, address, verb)
    click.echo(f"{address} is away until {until:%Y-%m-%d}.")


@user.command("back")
@click.argument("address")
@click.pass_context
@writes
def user_back(ctx: click.Context, address: str) -> None:
    """Here again."""
    _on_user(ctx, address, come_back)
    click.echo(f"{address} is here.")


@user.command("add-address")
@click.argument("address")
@click.argument("new_address")
@click.option("--confirmed", is_flag=True, help="You know that it is theirs: nothing is asked.")
@click.pass_context
@writes
def user_add_address(ctx: click.Context, address: str, new_address: str, confirmed: bool) -> None:
    """One more address that a user writes from, once a mail to it has been answered."""

    def verb(session: Session, user_id: int, by: None, now: datetime) -> Done:
        add = people.add_address if confirmed else claim_address
        return add(session, user_id, new_address, desk.config.mail, by, now)

    with writing_desk(ctx) as desk:
        desk.perform(_for_user(address, verb))
    said = f"belongs to {address} now" if confirmed else "was asked by mail; it belongs to them once that is answered"
    click.echo(f"{new_address} {said}.")


@user.command("remove-address")
@click.argument("address")
@click.pass_context
@writes
def user_remove_address(ctx: click.Context, address: str) -> None:
    """Take an address from its user; reply addresses sent to it end."""
    _on_user(ctx, address, people.remove_address, address)
    click.echo(f"{address} is no user's address now.")


@user.command("handover")
@click.argument("from_address")
@click.argument("to_address")
@click.pass_context
@writes
def user_handover(ctx: click.Context, from_address: str, to_address: str) -> None:
    """Give everything one user looks after to another."""

    def verb(session: Session, from_id: int, by: None, now: datetime) -> Done:
        return handover(session, from_id, _user(session, to_address), by, now)

    _on_user(ctx, from_address, verb)
    click.echo(f"{to_address} looks after everything of {from_address} now.")


# --- teams --------------------------------------------------------------------------------------------------------------


@click.group()
def team() -> None:
    """Teams and their rules."""


@team.command("add")
@click.argument("name")
@click.option("--rule", type=click.Choice(teams.RULES), default="round_robin", show_default=True,
              help="Who is given a lead that nobody owns.")  # fmt: skip
@click.option("--member", "members", multiple=True, metavar="ADDRESS", help="Repeat for each.")
@click.pass_context
@writes
def team_add(ctx: click.Context, name: str, rule: str, members: tuple[str, ...]) -> None:
    """Add a team."""

    def verb(session: Session, by: None, now: datetime) -> Done:
        done = teams.add_team(session, name, rule, by, now)
        for member in members:
            teams.add_member(session, done.id, _user(session, member), True, by, now)
        return done

    with writing_desk(ctx) as desk:
        desk.perform(Call(verb, ()))
    click.echo(f"The team {name} is there.")


@team.command("list")
@click.pass_obj
def team_list(context: Context) -> None:
    """List teams and their members; those in brackets are given no leads."""
    with _reading(context) as session:
        found = session.execute(select(team_table).order_by(team_table.c.name)).all()
        of = select(team_member, user_table.c.name).join(user_table, user_table.c.id == team_member.c.user_id)
        members: dict[int, list[str]] = {}
        for row in session.execute(of.order_by(user_table.c.name)):
            members.setdefault(row.team_id, []).append(row.name if row.takes_leads else f"({row.name})")
    _table(("team", "rule", "members"), [(row.name, row.rule, ", ".join(members.get(row.id, []))) for row in found])


@team.command("add-member")
@click.argument("name")
@click.argument("address")
@click.option("--no-leads", is_flag=True, help="They see the team's digest and are given no leads.")
@click.pass_context
@writes
def team_add_member(ctx: click.Context, name: str, address: str, no_leads: bool) -> None:
    """Put a user into a team."""

    def verb(session: Session, user_id: int, by: None, now: datetime) -> Done:
        return teams.add_member(session, _team(session, name), user_id, not no_leads, by, now)

    _on_user(ctx, address, verb)
    click.echo(f"{address} is in {name} now.")


@team.command("remove-member")
@click.argument("name")
@click.argument("address")
@click.pass_context
@writes
def team_remove_member(ctx: click.Context, name: str, address: str) -> None:
    """Take a user out of a team; their leads stay theirs."""

    def verb(session: Session, user_id: int, by: None, now: datetime) -> Done:
        return teams.remove_member(session, _team(session, name), user_id, by, now)

    _on_user(ctx, address, verb)
    click.echo(f"{address} is no longer in {name}.")


@team.command("rule")
@click.argument("name")
@click.argument("rule", type=click.Choice(teams.RULES))
@click.pass_context
@writes
def team_rule(ctx: click.Context, name: str, rule: str) -> None:
    """Change who is given a lead that nobody owns."""

    def verb(session: Session, by: None, now: datetime) -> Done:
        return teams.set_rule(session, _team(session, name), rule, by, now)

    with writing_desk(ctx) as desk:
        desk.perform(Call(verb, ()))
    click.echo(f"{name} finds owners by {rule} now.")


# --- aliases ------------------------------------------------------------------------------------------------------------


@click.group()
def alias() -> None:
    """Addresses customers write to."""


@alias.command("add")
@click.argument("address")
@click.option("--team", "team_name", required=True)
@click.option("--owner", help="A user who gets every lead of this address.")
@click.option("--source", default="", help="Written on every lead that comes in here; so are medium and campaign.")
@click.option("--medium", default="")
@click.option("--campaign", default="")
@click.option("--tag", "tags", multiple=True, help="Repeat for each.")
@click.pass_context
@writes
def alias_add(
    ctx: click.Context,
    /,
    address: str,
    team_name: str,
    owner: str | None,
    source: str,
    medium: str,
    campaign: str,
    tags: tuple[str, ...],
) -> None:
    """Add an address. It lies in one of our domains, or its mail is routed here."""

    def verb(session: Session, by: None, now: datetime) -> Done:
        owner_id = _user(session, owner) if owner else None
        new = teams.NewAlias(address, _team(session, team_name), owner_id, source, medium, campaign, tags)
        return teams.add_alias(session, new, by, now)

    with writing_desk(ctx) as desk:
        desk.perform(Call(verb, ()))
    click.echo(f"Mail to {address} makes leads for {team_name} now.")


@alias.command("list")
@click.pass_obj
def alias_list(context: Context) -> None:
    """List all aliases with what they write on a lead."""
    with _reading(context) as session:
        asked = (
            select(alias_table, team_table.c.name.label("team"), user_table.c.name.label("owner"))
            .join(team_table, team_table.c.id == alias_table.c.team_id)
            .outerjoin(user_table, user_table.c.id == alias_table.c.owner_id)
            .order_by(alias_table.c.key)
        )
        rows = [
            (row.address, row.team, row.owner or "", row.source, row.medium, row.campaign, ", ".join(row.tags))
            for row in session.execute(asked)
        ]
    _table(("address", "team", "owner", "source", "medium", "campaign", "tags"), rows)


@alias.command("remove")
@click.argument("address")
@click.pass_context
@writes
def alias_remove(ctx: click.Context, address: str) -> None:
    """Take an alias away; mail to it is then mail to an unknown address of ours."""
    with writing_desk(ctx) as desk:
        desk.perform(Call(teams.remove_alias, (address,)))
    click.echo(f"{address} is no alias now.")


# --- keys ---------------------------------------------------------------------------------------------------------------


@click.group()
def apikey() -> None:
    """Keys for the REST API; each acts as one user."""


@apikey.command("add")
@click.argument("address")
@click.option("--name", default="", help="What it is for.")
@click.pass_context
@writes
def apikey_add(ctx: click.Context, address: str, name: str) -> None:
    """Make a key and print it, once."""
    key = new_key()
    _on_user(ctx, address, add_api_key, name, key_hash(key))
    click.echo(key)


@apikey.command("list")
@click.pass_obj
def apikey_list(context: Context) -> None:
    """List the keys that work."""
    with _reading(context) as session:
        asked = (
            select(api_key, user_table.c.name.label("user"))
            .join(user_table, user_table.c.id == api_key.c.user_id)
            .where(api_key.c.revoked_at.is_(None))
            .order_by(api_key.c.id)
        )
        rows = [
            (str(row.id), row.user, row.name, _day(row.created_at), _day(row.last_used_at))
            for row in session.execute(asked)
        ]
    _table(("id", "user", "for", "made", "last used"), rows)


@apikey.command("revoke")
@click.argument("key_id", type=int)
@click.pass_context
@writes
def apikey_revoke(ctx: click.Context, key_id: int) -> None:
    """End a key at once."""
    with writing_desk(ctx) as desk:
        desk.perform(Call(revoke_api_key, (key_id,)))
    click.echo(f"Key {key_id} is revoked.")


# --- parts --------------------------------------------------------------------------------------------------------------


def _on_user(ctx: click.Context, address: str, verb: Callable[..., Done], *arguments: Any) -> None:
    with writing_desk(ctx) as desk:
        desk.perform(_for_user(address, verb, *arguments))


def _for_user(address: str, verb: Callable[..., Done], *arguments: Any) -> Call:
    """``verb(session, user_id, *arguments, None, now)`` for the user with this address, looked up in the same transaction."""

    def found(session: Session, by: None, now: datetime) -> Done:
        return verb(session, _user(session, address), *arguments, by, now)

    return Call(found, ())


def _user(session: Session, address: str) -> int:
    asked = select(user_address.c.user_id).where(user_address.c.key == address_key(address))
    found = session.execute(asked).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no user %(address)s.", address=address)
    return int(found)


def _team(session: Session, name: str) -> int:
    found = teams.team_by_name(session, name)
    if found is None:
        raise NotFound("There is no team %(name)s.", name=name)
    return found


@contextmanager
def _reading(context: Context) -> Iterator[Session]:
    """A read-only session; works while the daemon runs."""
    with foundation(context.config()) as base, base.store.read() as session:
        yield session


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else "never"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
