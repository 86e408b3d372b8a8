"""Commands that write, while a daemon runs on SQLite: the command line goes to the daemon, which has the only writing connection.

One JSON line each way over a Unix socket that only the daemon's user can open: ``{"arguments": […], "input": "…"}`` there,
``{"output", "errors", "status"}`` back. Used by ``writing_desk`` below; a command written with it needs to know nothing of this.
"""

import asyncio
import contextlib
import io
import json
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from mailcrm.app import DaemonRuns, control_socket, open_desk
from mailcrm.cli.main import Context
from mailcrm.config import Config
from mailcrm.crm.desk import Desk
from mailcrm.crm.done import Refused
from mailcrm.mail import Temporary

_SECONDS = 120.0
_LINE = 16 * 1024 * 1024
_daemons_desk: ContextVar[Desk | None] = ContextVar("daemons_desk", default=None)
_one_at_a_time = threading.Lock()  # redirecting output is for the whole process
F = TypeVar("F", bound=Callable[..., Any])


@contextmanager
def writing_desk(ctx: click.Context) -> Iterator[Desk]:
    """The desk a writing command works at: the daemon's own inside the daemon, else one opened here."""
    running = _daemons_desk.get()
    if running is not None:
        yield running
        return
    context: Context = ctx.find_object(Context)  # type: ignore[assignment]
    with open_desk(context.config()) as desk:
        yield desk


def writes(function: F) -> F:
    """Mark a command as writing: while a daemon runs, its whole command line is handed over."""

    @wraps(function)
    def command(*args: Any, **kwargs: Any) -> Any:
        ctx = click.get_current_context()
        try:
            return function(*args, **kwargs)
        except DaemonRuns:
            context: Context = ctx.find_object(Context)  # type: ignore[assignment]
            return _hand_over(context.config(), list(context.arguments))

    return command  # type: ignore[return-value]


def _hand_over(config: Config, arguments: list[str]) -> int:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as peer:
        peer.settimeout(_SECONDS)
        try:
            peer.connect(os.fspath(control_socket(config)))
            peer.sendall(json.dumps({"arguments": arguments}).encode() + b"\n")
            answer = json.loads(peer.makefile("rb").readline(_LINE))
        except (OSError, ValueError) as e:
            raise Temporary(f"the running daemon does not answer on {control_socket(config)} ({e})") from e
    click.echo(answer["output"], nl=False)
    click.echo(answer["errors"], nl=False, err=True)
    return int(answer["status"])


@asynccontextmanager
async def serve_control(desk: Desk, path: Path) -> AsyncIterator[None]:
    """Answer commands at ``path`` while inside."""
    _forget(path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.LimitOverrunError):
            asked = json.loads(await reader.readline())
            said = await asyncio.to_thread(_run, desk, [str(word) for word in asked["arguments"]])
            writer.write(json.dumps(said).encode() + b"\n")
            await writer.drain()
        writer.close()

    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(answer, path, limit=_LINE)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        server.close()
        _forget(path)


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)


def _run(desk: Desk, arguments: list[str]) -> dict[str, Any]:
    """Run one command line at the daemon's desk; its output is captured."""
    from mailcrm.cli.main import cli

    _daemons_desk.set(desk)
    output, errors, status = io.StringIO(), io.StringIO(), 0
    with _one_at_a_time, contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            result = cli.main(arguments, prog_name="mailcrm", standalone_mode=False, obj=Context(Path("-")))
            status = result if isinstance(result, int) else 0
        except click.ClickException as e:
            errors.write(e.format_message() + "\n")
            status = e.exit_code
        except (Refused, Temporary) as e:
            errors.write(f"mailcrm: {e}\n")
            status = 1
    return {"output": output.getvalue(), "errors": errors.getvalue(), "status": status}
