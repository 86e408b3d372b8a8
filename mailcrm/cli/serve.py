"""``serve`` and ``migrate``."""

import logging
import sys

import click

from mailcrm import app
from mailcrm.cli.control import serve_control
from mailcrm.cli.main import Context
from mailcrm.mail import ConfigError, Temporary
from mailcrm.process import quiet_noise
from mailcrm.workdays import is_country


@click.command()
@click.option(
    "--role",
    default=",".join(app.ROLES),
    show_default=True,
    help="Which parts to run here, separated by commas. Several parts on several machines need PostgreSQL.",
)
@click.pass_obj
def serve(context: Context, role: str) -> None:
    """Run the daemon until it is told to stop (SIGTERM or Ctrl-C).

    \b
    smtp      receives mail             imap      fetches mail
    work      places mail on leads      deliver   hands mail to the relay
    schedule  digests, retention        web       the page and the REST API

    Before the first start: `mailcrm migrate`, then `mailcrm check`.
    """
    roles = frozenset(part.strip() for part in role.split(",") if part.strip())
    if unknown := roles - set(app.ROLES):
        raise ConfigError([f"--role: {', '.join(sorted(unknown))} is no role; there are {', '.join(app.ROLES)}"])
    config = context.config()
    if "web" in roles and not config.web.public_url:
        raise ConfigError(["web.public_url: required, so that links in mails lead to the page"])
    if "schedule" in roles and config.digest.holidays and not is_country(config.digest.holidays):
        raise ConfigError([f"digest.holidays: the public holidays of {config.digest.holidays} are not known"])
    log_to_stderr()
    try:
        with app.sole_writer(config), app.standing(config) as base:
            daemon = app.Daemon(base, roles, said_ready, serve_control)
            daemon.serve()
    except app.DaemonRuns as e:
        raise Temporary(str(e)) from e


def said_ready(listening: app.Listening) -> None:
    """Tell where the daemon listens."""
    log = logging.getLogger("mailcrm")
    if listening.smtp:
        log.info("receiving mail on %s:%d", *listening.smtp)
    if listening.web:
        log.info("the page is at http://%s:%d", *listening.web)


def log_to_stderr(level: int = logging.INFO) -> None:
    """One line an entry: time, level, where, what."""
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    quiet_noise()


@click.command()
@click.pass_obj
def migrate(context: Context) -> None:
    """Bring the database up to date. Stop the daemon first on SQLite; running it twice does nothing."""
    config = context.config()
    try:
        with app.sole_writer(config):
            app.migrate(config)
    except app.DaemonRuns as e:
        raise Temporary(f"{e}: stop it first") from e
    click.echo("The database is up to date.")
