"""``demo``: the product on embedded defaults with sample data; what ``make run`` starts."""

import asyncio
import contextlib
import json
import logging
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import uvloop
from sqlalchemy import select

from mailcrm import app
from mailcrm import demo as sample
from mailcrm.cli.control import serve_control
from mailcrm.cli.serve import log_to_stderr
from mailcrm.config import Config, load
from mailcrm.crm.api_keys import add_api_key, key_hash, new_key
from mailcrm.crm.passwords import password_hash
from mailcrm.mail import ConfigError, Temporary
from mailcrm.store.engine import Session
from mailcrm.store.tables import alias, partner, partner_address, team, team_member, user, user_address

Place = tuple[str, int]


class _HostPort(click.ParamType[Place]):
    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:8025", param, ctx)
        return host.strip("[]"), int(port)


@click.command()
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default=Path("var"), show_default=True, help="Everything it writes."
)
@click.option(
    "--smtp", "smtp_at", type=_HostPort(), default="127.0.0.1:8025", show_default=True, help="Where it receives mail."
)
@click.option(
    "--web", "web_at", type=_HostPort(), default="127.0.0.1:8000", show_default=True, help="Where the page is."
)
@click.option(
    "--relay", "relay_at", type=_HostPort(), help="Hand outgoing mail to this SMTP server instead of catching it."
)
@click.option("--database", default="", help="An SQLAlchemy URL, such as postgresql://user@host/name; default: SQLite.")
@click.option(
    "--json", "as_json", is_flag=True, help="Once everything answers, print one line of JSON that describes it."
)
def demo(data_dir: Path, smtp_at: Place, web_at: Place, relay_at: Place | None, database: str, as_json: bool) -> None:
    """Run mailcrm with sample people, partners and leads. Nothing leaves this machine.

    Outgoing mail is caught and shown on the page, unless --relay names a server. The configuration is written to
    DIR/config.toml, so that other commands work on it: `mailcrm --config DIR/config.toml user list`. Port 0 takes a free one.
    """
    log_to_stderr(logging.WARNING)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(_Wanted(data_dir.resolve(), smtp_at, web_at, relay_at, database, as_json)))
    except app.DaemonRuns as e:
        raise Temporary(f"{e}: stop it, or choose another --data-dir") from e


@dataclass(frozen=True, slots=True)
class _Wanted:
    data_dir: Path
    smtp: Place
    web: Place
    relay: Place | None
    database: str
    as_json: bool


async def _run(wanted: _Wanted) -> None:
    async with contextlib.AsyncExitStack() as stack:
        relay = wanted.relay
        if relay is None:
            relay = await stack.enter_async_context(sample.development_relay("127.0.0.1", 0))
        wanted = replace(wanted, web=_free(wanted.web))
        config = _write_config(wanted, relay)
        stack.enter_context(app.sole_writer(config))
        await asyncio.to_thread(app.migrate, config)
        base = stack.enter_context(app.foundation(config))
        await asyncio.to_thread(_fill, base)
        api_key = await asyncio.to_thread(_api_key, base, wanted.data_dir / "api_key")
        daemon = app.Daemon(base, frozenset(app.ROLES), lambda at: _say(base, at, api_key, wanted), serve_control)
        await daemon.run()


def _free(at: Place) -> Place:
    """The page's port must be known before the first mail is made: links name it."""
    import socket

    if at[1]:
        return at
    with contextlib.closing(socket.socket()) as probe:
        probe.bind((at[0], 0))
        return at[0], int(probe.getsockname()[1])


def _write_config(wanted: _Wanted, relay: Place) -> Config:
    """Write DIR/config.toml anew: the defaults with what the options say."""
    lines = [
        "# Written by `mailcrm demo` at each start. Every other key has its default; see config.toml of the project.",
        "[company]",
        'name = "Kataja"',
        "[storage]",
        'data_dir = "."',
        f"database = {json.dumps(wanted.database)}",
        "[mail]",
        f"domains = [{json.dumps(sample.DOMAIN)}]",
        'notify_name = "Kataja CRM"',
        "[smtp]",
        f"host = {json.dumps(wanted.smtp[0])}",
        f"port = {wanted.smtp[1]}",
        "per_domain_per_hour = 100000   # so that a load generator can be pointed at it",
        "[relay]",
        f"host = {json.dumps(relay[0])}",
        f"port = {relay[1]}",
        "[web]",
        f"host = {json.dumps(wanted.web[0])}",
        f"port = {wanted.web[1]}",
        f"public_url = {json.dumps(f'http://{wanted.web[0]}:{wanted.web[1]}')}",
        "[notify]",
        "burst_seconds = 0   # each notice at once, however quickly one types",
        "[security]",
        f"authserv_ids = [{json.dumps('mx.' + sample.HOUSE)}]",
        'unproven_staff = "token_is_enough"   # only for trying it out: here no relay proves who wrote a mail',
    ]
    wanted.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = wanted.data_dir / "config.toml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return load(path)


def _fill(base: app.Foundation) -> None:
    hashed = password_hash(sample.PASSWORD)
    base.store.write(lambda session: sample.fill(session, base.config.mail, hashed, base.now()))


def _api_key(base: app.Foundation, path: Path) -> str:
    """A key that acts as the manager; kept in a private file, since the database knows only its hash."""
    if path.is_file():
        return path.read_text("ascii").strip()
    key = new_key()

    def add(session: Session) -> None:
        manager = (
            session.execute(select(user.c.id).where(user.c.role == "manager").order_by(user.c.id)).scalars().first()
        )
        if manager is None:
            raise ConfigError([f"{path.parent} holds a database without a manager: it was not made by demo"])
        add_api_key(session, manager, "demo", key_hash(key), None, base.now())

    base.store.write(add)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
        f.write(key + "\n")
    return key


# --- what it says -------------------------------------------------------------------------------------------------------


def _say(base: app.Foundation, at: app.Listening, api_key: str, wanted: _Wanted) -> None:
    smtp, web = at.smtp or wanted.smtp, at.web or wanted.web
    if wanted.as_json:
        click.echo(json.dumps(_described(base, smtp, web, api_key), ensure_ascii=False))
        return
    click.echo(_hints(smtp, web, wanted))


def _described(base: app.Foundation, smtp: Place, web: Place, api_key: str) -> dict[str, Any]:
    with base.store.read() as session:
        return {
            "smtp": f"{smtp[0]}:{smtp[1]}",
            "web": f"{web[0]}:{web[1]}",
            "api_key": api_key,
            "domain": base.config.mail.domains[0],
            "users": _users(session),
            "aliases": _aliases(session),
            "partners": _partners(session),
        }


def _users(session: Session) -> list[dict[str, Any]]:
    statement = (
        select(
            user.c.name, user_address.c.address.label("email"), user.c.role, team.c.name.label("team"), user.c.locale
        )
        .join(user_address, (user_address.c.user_id == user.c.id) & user_address.c.is_primary)
        .outerjoin(team_member, team_member.c.user_id == user.c.id)
        .outerjoin(team, team.c.id == team_member.c.team_id)
        .where(user.c.is_active)
        .order_by(user.c.id, team.c.id)
    )
    return [dict(row) for row in session.execute(statement).mappings()]


def _aliases(session: Session) -> list[dict[str, Any]]:
    columns = (
        alias.c.address,
        team.c.name.label("team"),
        alias.c.source,
        alias.c.medium,
        alias.c.campaign,
        alias.c.tags,
    )
    statement = select(*columns).join(team, team.c.id == alias.c.team_id).order_by(alias.c.id)
    return [dict(row) for row in session.execute(statement).mappings()]


def _partners(session: Session) -> list[dict[str, Any]]:
    statement = (
        select(partner.c.name, partner_address.c.address.label("email"), user_address.c.address.label("owner"))
        .join(partner_address, (partner_address.c.partner_id == partner.c.id) & partner_address.c.is_primary)
        .outerjoin(user_address, (user_address.c.user_id == partner.c.owner_id) & user_address.c.is_primary)
        .order_by(partner.c.id)
    )
    return [dict(row) for row in session.execute(statement).mappings()]


def _hints(smtp: Place, web: Place, wanted: _Wanted) -> str:
    page = f"http://{web[0]}:{web[1]}"
    mails = f"handed to {wanted.relay[0]}:{wanted.relay[1]}" if wanted.relay else f"caught; see {page}/outbox"
    token = secrets.token_hex(4)
    return f"""
mailcrm is running with sample data in {wanted.data_dir}

  the page     {page}   sign in as maria@{sample.HOUSE} (manager), aino@, ben@ or clara@{sample.HOUSE}
               password: {sample.PASSWORD}
  mail in      {smtp[0]}:{smtp[1]}, any address at {sample.DOMAIN}
  mail out     {mails}

Be a customer: send this, then look at the board and at the notice that the owner got.

  printf 'From: Kaisa Koski <kaisa@koski.example>\\nTo: myynti@{sample.DOMAIN}\\nSubject: Tarjouspyynto\\n\
Message-ID: <{token}@koski.example>\\n\\nHei, paljonko maksaa 20 tuolia?\\n\\nKaisa\\n' | \\
  curl -sS smtp://{smtp[0]}:{smtp[1]} --mail-from kaisa@koski.example --mail-rcpt myynti@{sample.DOMAIN} -T -

Then be the owner: reply to the notice's Reply-To address, From the owner's own address. Ctrl-C stops it all.
"""
