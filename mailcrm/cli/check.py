"""``check``: the configuration, all faults at once, and choices that are unsafe."""

from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from mailcrm.address import address_key
from mailcrm.cli.main import Context
from mailcrm.config import Config, Understood, read
from mailcrm.mail import ConfigError, Temporary
from mailcrm.rules import is_public, rules_of
from mailcrm.store.engine import Store
from mailcrm.store.migrate import require_current
from mailcrm.store.tables import user_address
from mailcrm.workdays import is_country


@click.command()
@click.pass_obj
def check(context: Context) -> int:
    """Look the configuration over.

    Lists every fault (exit status 78) and warns of unsafe choices (status 0). Writes nothing.
    """
    understood = read(context.config_path)
    config = understood.config
    faults = [*understood.faults, *configuration_faults(understood)]
    if understood.knows("storage", "mail"):
        faults += _database_faults(config)
    for warning in warnings(config):
        click.echo(f"warning: {warning}")
    if faults:
        raise ConfigError(faults)
    click.echo("The configuration is good.")
    return 0


def configuration_faults(understood: Understood) -> list[str]:
    """Faults beyond those that reading the file finds."""
    faults, config = [], understood.config
    if not config.web.public_url and understood.knows("web.public_url"):
        faults.append("web.public_url: required, so that links in mails lead to the page")
    notify_domain = address_key(config.notify_address).rpartition("@")[2]
    if notify_domain not in config.mail.domains and understood.knows("mail.domains", "mail.notify_address"):
        faults.append(
            f"mail.notify_address: {config.notify_address} is not at one of mail.domains; answers to it would be lost"
        )
    if understood.knows("digest.holidays") and config.digest.holidays and not is_country(config.digest.holidays):
        faults.append(f"digest.holidays: the public holidays of {config.digest.holidays} are not known")
    return faults


def warnings(config: Config) -> list[str]:
    """Choices that work and should be known to be unsafe."""
    said = []
    if config.security.unproven_staff == "token_is_enough":
        said.append(
            'security.unproven_staff = "token_is_enough": whoever has seen a reply address can write as that salesperson'
        )
    elif not can_be_proven(config):
        said.append(
            "security.authserv_ids is empty, and no mail comes in that we could check ourselves (security.verify, smtp.host,"
            " smtp.trusted_relays): no salesperson's mail can be proven, every reply will be held and asked about"
        )
    elif not (config.security.authserv_ids or config.security.dns_servers or Path("/etc/resolv.conf").is_file()):
        said.append("security.dns_servers is empty and this machine names none: no mail can be checked here")
    if config.smtp.host not in ("127.0.0.1", "::1", "localhost") and not config.smtp.tls_certificate:
        said.append("smtp listens beyond this machine without a certificate: STARTTLS is not offered")
    if config.acknowledge.enabled and not can_be_proven(config):
        said.append("acknowledge.enabled: no customer's mail can be proven here, so that nobody's is acknowledged")
    if config.relay.password_file and config.relay.tls == "none":
        said.append("relay: the password travels in the clear; set relay.tls")
    said.extend(f"imap.{a.name}: the password travels in the clear; set tls" for a in config.imap if a.tls == "none")
    if config.web.public_url.startswith("http://") and config.web.host not in ("127.0.0.1", "::1", "localhost"):
        said.append("web.public_url is http: passwords and cookies travel in the clear")
    return said


def can_be_proven(config: Config) -> bool:
    """Whether there is any way by which proof of a salesperson's mail can come: a relay's word, or a check of our own."""
    if config.security.authserv_ids or any(account.authserv_ids for account in config.imap):
        return True
    rules = rules_of(config)
    host = "127.0.0.1" if config.smtp.host == "localhost" else config.smtp.host
    is_open = host in ("0.0.0.0", "::") or is_public(host)
    return (rules.verify == "public" and is_open) or (rules.verify == "all" and not rules.is_trusted_peer(host))


def _database_faults(config: Config) -> list[str]:
    """Schema and people that do not fit; a database that does not answer is a fault too."""
    if config.database_url.startswith("sqlite") and not (config.data_dir / "mailcrm.sqlite").exists():
        return ["the database does not exist yet: run `mailcrm migrate`"]
    try:
        require_current(config.database_url)
        return _people_faults(config)
    except ConfigError as e:
        return e.faults
    except (SQLAlchemyError, Temporary) as e:
        return [f"storage.database: {str(e).splitlines()[0]}"]


def _people_faults(config: Config) -> list[str]:
    store = Store(config.database_url)
    try:
        with store.read() as session:
            keys = session.execute(select(user_address.c.key)).scalars().all()
    finally:
        store.close()
    routed = {address_key(a) for a in config.mail.staff_routes}
    return [
        f"the user address {key} lies at a catch-all domain: their mail would become leads; list it in mail.staff_routes"
        for key in keys
        if key.rpartition("@")[2] in config.mail.domains and key not in routed
    ]
