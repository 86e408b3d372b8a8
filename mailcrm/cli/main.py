"""``mailcrm``: the root of the commands. Modules are imported when their command is called, so that help answers at once.

On SQLite one process writes. A command that writes is handed to the running daemon over its Unix socket (``cli.control``) and works
itself when none runs.
"""

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click

from mailcrm import __version__
from mailcrm.config import Config, load
from mailcrm.crm.done import Refused
from mailcrm.mail import ConfigError, Permanent, Temporary

_COMMANDS = {
    # name: (module, attribute, first line of help)
    "serve": ("mailcrm.cli.serve", "serve", "Run the daemon."),
    "demo": ("mailcrm.cli.demo", "demo", "Run it with sample data; nothing leaves the machine."),
    "migrate": ("mailcrm.cli.serve", "migrate", "Bring the database up to date."),
    "check": ("mailcrm.cli.check", "check", "Look the configuration over; list every fault and unsafe choice."),
    "receive": ("mailcrm.cli.receive", "receive", "Take one mail from standard input, for an MTA's pipe."),
    "explain": ("mailcrm.cli.explain", "explain", "Say what would happen to a mail, and why; changes nothing."),
    "spool": ("mailcrm.cli.spool", "spool", "See what waits and what was buried; bring it back."),
    "digest": ("mailcrm.cli.digest", "digest", "Show or send one person's digest."),
    "user": ("mailcrm.cli.people", "user", "People who work here."),
    "team": ("mailcrm.cli.people", "team", "Teams and their rules."),
    "alias": ("mailcrm.cli.people", "alias", "Addresses customers write to."),
    "apikey": ("mailcrm.cli.people", "apikey", "Keys for the REST API."),
}


@dataclass
class Context:
    """What every command finds in ``ctx.obj``. ``arguments`` is the whole command line, to hand it to the daemon."""

    config_path: Path
    arguments: tuple[str, ...] = ()

    def config(self) -> Config:
        """The settings; ConfigError lists every fault."""
        return load(self.config_path)


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = _COMMANDS.get(cmd_name)
        if found is None:
            return None
        command = getattr(import_module(found[0]), found[1])
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, found[2]) for name, found in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_path",
    envvar="MAILCRM_CONFIG",
    type=click.Path(path_type=Path),
    default=Path("config.toml"),
    show_default=True,
    help="The configuration file; also MAILCRM_CONFIG.",
)
@click.version_option(__version__)
@click.pass_context
def cli(ctx: click.Context, config_path: Path) -> None:
    """mailcrm: a CRM that lives in the mailbox.

    Customers write to a sales address, salespeople answer from their own mail client, managers read a digest. Try it out with
    `mailcrm demo`; run it with `mailcrm migrate`, `mailcrm check` and `mailcrm serve`.
    """
    if ctx.obj is None:
        ctx.obj = Context(config_path, tuple(_given))


_given: list[str] = []


def main() -> None:
    """Run the command; every foreseen fault is said in a sentence and ends with a number an MTA understands."""
    os.umask(0o077)  # whatever a command writes is this user's alone
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line; returns its exit status: 0, 1 refused, 2 usage, 75 try later (sysexits EX_TEMPFAIL), 78 configuration."""
    arguments = _with_config_anywhere(arguments)
    _given[:] = arguments
    try:
        result = cli.main(arguments, prog_name="mailcrm", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as e:
        e.show()
        return e.exit_code
    except ConfigError as e:
        for fault in e.faults:
            click.echo(f"mailcrm: {fault}", err=True)
        return 78
    except (Refused, Permanent) as e:
        click.echo(f"mailcrm: {e}", err=True)
        return 1
    except Temporary as e:
        click.echo(f"mailcrm: {e}; try again later", err=True)
        return 75
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


def _with_config_anywhere(arguments: list[str]) -> list[str]:
    """``--config`` works behind the command too: it is moved to the front."""
    for at, word in enumerate(arguments):
        if word == "--":
            break
        if word == "--config" and at + 1 < len(arguments):
            return [word, arguments[at + 1], *arguments[:at], *arguments[at + 2 :]]
        if word.startswith("--config="):
            return [word, *arguments[:at], *arguments[at + 1 :]]
    return arguments
