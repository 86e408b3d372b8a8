"""Composition root: the only place that builds store, spool, listener, worker, deliverer, scheduler and page.

``open_desk`` is for commands, ``Daemon`` for ``serve`` and ``demo``. On SQLite one daemon process holds ``daemon.lock`` in the data
folder; a second one, or a command that would write, is told so in a sentence (the command line hands such commands to the daemon).
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import uvicorn
import uvloop
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from mailcrm import triage
from mailcrm.address import address_key, read_return_path, read_token
from mailcrm.config import Config
from mailcrm.crm.desk import Desk
from mailcrm.crm.retention import keep_retention
from mailcrm.crm.stages import seed_stages
from mailcrm.ingest.admission import AdmissionSettings
from mailcrm.ingest.imap import ImapDoor
from mailcrm.ingest.imap_mailbox import ImapSettings
from mailcrm.ingest.smtp import Connections, SmtpSettings, start_smtp
from mailcrm.ingest.spool import Spool
from mailcrm.mail import ConfigError, Temporary
from mailcrm.notify import digest, reminders
from mailcrm.notify.composer import composer
from mailcrm.notify.deliver import Deliverer, deliver_settings, relay_settings
from mailcrm.notify.gathering import posting
from mailcrm.notify.outbox import take_back
from mailcrm.notify.relay import SmtpRelay
from mailcrm.pipeline import Places, Worker
from mailcrm.process import deliverer_name, name_file, process_name, utc_now
from mailcrm.proof.verifier import Verifier
from mailcrm.reader import configured_spam, reader
from mailcrm.rules import rules_of
from mailcrm.schedule import Job, start
from mailcrm.store.blobs import Blobs
from mailcrm.store.engine import Store
from mailcrm.store.keyring import Keyring, load_or_make
from mailcrm.store.migrate import require_current, upgrade
from mailcrm.store.tables import alias
from mailcrm.web.app import build
from mailcrm.web.site import routes

log = logging.getLogger(__name__)

ROLES = ("smtp", "imap", "work", "deliver", "schedule", "web")
_NEED_DATABASE = frozenset({"work", "deliver", "schedule", "web"})
_LOOK_SECONDS = 0.2  # between two looks whether to stop
_PAUSE_SECONDS = 1.0  # after a batch that stopped short
_STOP_SECONDS = 10.0
_AWAY_SECONDS = 2.0  # between two looks for a database that does not answer
_SAY_SECONDS = 60.0  # between two lines about it in the log
_NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "fuse.sshfs"})


# --- what everything stands on ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Foundation:
    """The durable things of one process, built from the configuration."""

    config: Config
    store: Store
    blobs: Blobs
    keyring: Keyring
    spool: Spool
    now: Callable[[], datetime] = utc_now

    def desk(self, wake: Callable[[], None] = lambda: None) -> Desk:
        return Desk(self.config, self.store, self.blobs, self.keyring, self.spool, self.now, wake)

    def places(self) -> Places:
        spam = configured_spam(self.config)
        return Places(rules_of(self.config), self.keyring, posting(self.config), self.blobs, spam)


@contextmanager
def foundation(config: Config, now: Callable[[], datetime] = utc_now) -> Iterator[Foundation]:
    """Open store, blobs, keys and spool; Temporary if the database is away, ConfigError unless its schema is the one needed."""
    prepare_data_dir(config)
    require_current(config.database_url)
    with standing(config, now) as base:
        yield base


@contextmanager
def standing(config: Config, now: Callable[[], datetime] = utc_now) -> Iterator[Foundation]:
    """The same without asking the database: a daemon accepts mail while it is away, and asks before it does anything else."""
    prepare_data_dir(config)
    store = Store(config.database_url)
    spool = Spool(config.data_dir / "spool", process_name(), now)
    try:
        yield Foundation(
            config,
            store,
            Blobs(config.data_dir / "blobs"),
            load_or_make(config.data_dir / "secrets" / "signing.json"),
            spool,
            now,
        )
    finally:
        spool.close()
        store.close()


def take_back_dead_claims(base: Foundation) -> int:
    """Free what dead deliverers of this data folder had claimed; how many mails are due again."""
    count = 0
    for path in sorted(base.config.data_dir.glob("deliver-*.lock")):
        with name_file(path) as name:
            if name is not None:
                count += base.store.write(lambda session, name=name: take_back(session, name, base.now()))  # type: ignore[misc]
    return count


def prepare_data_dir(config: Config) -> None:
    """Make the data folder private; refuse a network file system for SQLite, which would corrupt it."""
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if config.database_url.startswith("sqlite") and _file_system(config.data_dir) in _NETWORK_FILE_SYSTEMS:
        raise ConfigError(
            [f"storage.data_dir: {config.data_dir} is on a network file system; SQLite needs a local disk"]
        )


def _file_system(path: Path) -> str:
    """The type of the file system that holds ``path`` (Linux), "" if unknown."""
    best, found = "", ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines():
            _, mount, kind, *_ = line.split(" ")
            if str(path).startswith(mount) and len(mount) > len(best):
                best, found = mount, kind
    return found


def migrate(config: Config) -> None:
    """Bring the schema up to date and seed what a new database needs."""
    prepare_data_dir(config)
    upgrade(config.database_url)
    store = Store(config.database_url)
    try:
        store.write(seed_stages)
    finally:
        store.close()


# --- one daemon on SQLite -----------------------------------------------------------------------------------------------


class DaemonRuns(Exception):
    """Another process holds the data folder."""


@contextmanager
def sole_writer(config: Config) -> Iterator[None]:
    """Hold ``daemon.lock`` while inside (SQLite only); DaemonRuns if another process has it."""
    if not config.database_url.startswith("sqlite"):
        yield
        return
    prepare_data_dir(config)
    fd = os.open(config.data_dir / "daemon.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            raise DaemonRuns(f"another mailcrm is running on {config.data_dir}") from e
        yield
    finally:
        os.close(fd)


@contextmanager
def open_desk(config: Config) -> Iterator[Desk]:
    """A desk for one command; DaemonRuns on SQLite while a daemon runs (hand the command to it instead)."""
    with sole_writer(config), foundation(config) as base:
        yield base.desk()


def control_socket(config: Config) -> Path:
    """Where the daemon listens for commands."""
    return config.data_dir / "control.sock"


# --- addresses known at the door ----------------------------------------------------------------------------------------


class KnownAddresses:
    """Which local parts were ever given out, from memory. Says yes when it cannot tell.

    It is asked in the listener's event loop and answers at once; ``renew`` reads them anew, every few seconds in a thread.
    """

    _SECONDS = 5.0

    def __init__(self, store: Store, rules_notify_key: str) -> None:
        self._store = store
        self._always = {rules_notify_key}
        self._keys: frozenset[str] | None = None
        self._read_at = 0.0

    def __call__(self, address: str) -> bool:
        if read_token(address) is not None or read_return_path(address) is not None:
            return True
        key = address_key(address)
        local, _, domain = key.partition("@")
        if local in ("postmaster", "abuse") or key in self._always:
            return True
        if time.monotonic() - self._read_at > self._SECONDS:
            self._read_at = time.monotonic()
            threading.Thread(target=self.renew, name="known-addresses", daemon=True).start()
        keys = self._keys
        return keys is None or key in keys or f"{local.partition('+')[0]}@{domain}" in keys

    def renew(self) -> None:
        """Read them now; what was known stays while the database is away."""
        with contextlib.suppress(SQLAlchemyError), self._store.read() as session:
            self._keys = frozenset(session.execute(select(alias.c.key)).scalars())
            self._read_at = time.monotonic()


# --- the daemon ---------------------------------------------------------------------------------------------------------


@dataclass
class Listening:
    """Where the daemon answers, known once it does."""

    smtp: tuple[str, int] | None = None
    web: tuple[str, int] | None = None


@dataclass
class Daemon:
    """All roles of one process. ``run`` returns after SIGTERM, SIGINT or ``stop``."""

    base: Foundation
    roles: frozenset[str] = frozenset(ROLES)
    on_ready: Callable[[Listening], None] = lambda _: None
    serve_control: "Callable[[Desk, Path], contextlib.AbstractAsyncContextManager[None]] | None" = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _signalled: asyncio.Event = field(default_factory=asyncio.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def stop(self) -> None:
        """Ask ``run`` to return; may be called from any thread."""
        self._stopping.set()

    def serve(self) -> None:
        """``run`` on an event loop that is quick with sockets, until it returns."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self.run())

    async def run(self) -> None:
        self._heed_signals()
        async with contextlib.AsyncExitStack() as stack:
            listening = Listening()
            away = await self._why_database_is_away()
            known = KnownAddresses(self.base.store, address_key(self.base.config.notify_address))
            if not away:
                await asyncio.to_thread(known.renew)
            if "imap" in self.roles:
                self._start_imap(stack)
            if "smtp" in self.roles:
                listening.smtp = await self._start_smtp(stack, known)
            if away:
                await self._wait_for_database(away, listening)
            if not self._stopping.is_set():
                await self._start_what_needs_the_database(stack, listening)
                self.on_ready(listening)
            await self._until_stopped()

    async def _start_what_needs_the_database(self, stack: contextlib.AsyncExitStack, listening: Listening) -> None:
        deliverer = self._start_deliverer(stack) if "deliver" in self.roles else None
        wake = deliverer.wake if deliverer else lambda: None
        desk = self.base.desk(wake)
        if "work" in self.roles:
            self._start_worker(stack, wake)
        if "schedule" in self.roles:
            scheduler = start(self._jobs(desk))
            stack.push_async_callback(asyncio.to_thread, scheduler.shutdown)
        if "web" in self.roles:
            listening.web = await self._start_web(stack, desk)
        if self.serve_control:
            await stack.enter_async_context(self.serve_control(desk, control_socket(self.base.config)))

    def _heed_signals(self) -> None:
        # Outside the main thread no signal arrives: stop() is called instead.
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self._signalled.set)

    async def _is_stopped_within(self, seconds: float) -> bool:
        """Whether somebody wants us to end, at the latest after so many seconds."""
        until = time.monotonic() + seconds
        while not self._stopping.is_set() and time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._signalled.wait(), _LOOK_SECONDS)
                self._stopping.set()
        return self._stopping.is_set()

    async def _until_stopped(self) -> None:
        while not await self._is_stopped_within(60):
            pass

    # a database that is away at the start

    async def _why_database_is_away(self) -> str:
        """Empty if it answers or nothing here needs it; ConfigError if its schema is not the one needed."""
        if self.roles.isdisjoint(_NEED_DATABASE):
            return ""
        try:
            await asyncio.to_thread(require_current, self.base.config.database_url)
        except Temporary as e:
            return str(e)
        return ""

    async def _wait_for_database(self, away: str, listening: Listening) -> None:
        """Return when it answers, or to stop. Mail is accepted meanwhile."""
        if listening.smtp:
            log.info("receiving mail on %s:%d", *listening.smtp)
        said_at = -_SAY_SECONDS  # a clock that begins at the start of the machine
        while away:
            if time.monotonic() - said_at > _SAY_SECONDS:
                said_at = time.monotonic()
                log.warning("%s: everything waits but the doors, whose mail waits in the spool", away)
            if await self._is_stopped_within(_AWAY_SECONDS):
                return
            away = await self._why_database_is_away()
        log.info("the database answers")

    # threads

    def _thread(
        self, stack: contextlib.AsyncExitStack, name: str, run: Callable[[], None], stop: Callable[[], None]
    ) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

        async def end() -> None:
            stop()
            await asyncio.to_thread(thread.join, _STOP_SECONDS)

        stack.push_async_callback(end)

    def _start_deliverer(self, stack: contextlib.AsyncExitStack) -> Deliverer:
        base = self.base
        name = stack.enter_context(deliverer_name(base.config.data_dir))
        take_back_dead_claims(base)
        settings = deliver_settings(base.config, base.keyring, name)
        relay = relay_settings(base.config)
        composing = composer(settings.head, min(base.config.ingest.processes, 1))
        stack.push_async_callback(asyncio.to_thread, composing.close)
        deliverer = Deliverer(base.store, settings, base.now, base.blobs, lambda: SmtpRelay(relay), composing)
        stack.push_async_callback(asyncio.to_thread, deliverer.close)
        self._thread(stack, "deliver", deliverer.run, deliverer.stop)
        return deliverer

    def _start_worker(self, stack: contextlib.AsyncExitStack, wake: Callable[[], None]) -> None:
        base = self.base
        reading = reader(base.config.ingest.processes, configured_spam(base.config), base.spool.passing)
        verifier = Verifier(base.config.security.dns_servers, float(base.config.security.dns_seconds))
        worker = Worker(base.store, base.spool, base.blobs, base.places(), base.now, reading, wake, verifier)
        stack.push_async_callback(asyncio.to_thread, reading.close)
        stack.push_async_callback(asyncio.to_thread, verifier.close)
        self._thread(stack, "work", lambda: self._work(worker), self._stopping.set)

    def _work(self, worker: Worker) -> None:
        is_first = True
        while not self._stopping.is_set():
            try:
                if is_first:
                    self.base.spool.take_back_dead()
                    is_first = False
                if not worker.run_batch():
                    self.base.spool.wait(_LOOK_SECONDS)
            except Exception:  # the worker loop: what was claimed is taken back here
                log.exception("a batch stopped short and is taken up again")
                worker.give_back()
                self._stopping.wait(_PAUSE_SECONDS)
        worker.put_back()

    def _start_imap(self, stack: contextlib.AsyncExitStack) -> None:
        for settings in imap_settings(self.base.config):
            cursor_dir = self.base.config.data_dir / "imap"
            door = ImapDoor(settings, self.base.spool, cursor_dir, self._stopping, self.base.now)
            self._thread(stack, f"imap-{settings.name}", door.run, door.stop)

    def _jobs(self, desk: Desk) -> tuple[Job, ...]:
        """Every periodic job there is."""
        base = self.base
        return (
            Job("digests", 20.0, lambda: self._send_digests(desk)),
            Job("reminders", 20.0, lambda: self._send_reminders(desk)),
            Job("spool of dead processes", 30.0, base.spool.take_back_dead),
            Job("outbox of dead processes", 30.0, lambda: take_back_dead_claims(base)),
            Job("retention", 6 * 3600.0, lambda: keep_retention(desk)),
        )

    def _send_digests(self, desk: Desk) -> None:
        if digest.send_due(self.base.store, self.base.now(), self.base.config):
            desk.wake()

    def _send_reminders(self, desk: Desk) -> None:
        if reminders.send_due(self.base.store, self.base.now(), posting(self.base.config)):
            desk.wake()

    # listeners

    async def _start_smtp(self, stack: contextlib.AsyncExitStack, known: KnownAddresses) -> tuple[str, int]:
        config, connections = self.base.config, Connections()
        domains = frozenset(config.mail.domains)
        server = await start_smtp(
            smtp_settings(config), self.base.spool, domains.__contains__, known, self.base.now, connections
        )

        async def end() -> None:
            server.close()
            connections.close_all()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(server.wait_closed(), _STOP_SECONDS)

        stack.push_async_callback(end)
        return _address_of(server.sockets[0])

    async def _start_web(self, stack: contextlib.AsyncExitStack, desk: Desk) -> tuple[str, int]:
        config = self.base.config
        listener = socket.socket(socket.AF_INET6 if ":" in config.web.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio would set it only on sockets it made
        try:
            listener.bind((config.web.host, config.web.port))
        except OSError as e:
            listener.close()
            raise ConfigError([f"web: cannot listen on {config.web.host}:{config.web.port}: {e.strerror}"]) from e
        server = _Uvicorn(
            uvicorn.Config(
                build(desk, routes(desk, triage)),
                loop="none",
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,  # the application itself knows which proxies to believe
            )
        )
        task = asyncio.create_task(server.serve(sockets=[listener]))

        async def end() -> None:
            server.should_exit = True
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(task, _STOP_SECONDS)

        stack.push_async_callback(end)
        while not server.started and not task.done():
            await asyncio.wait([task], timeout=0.01)
        if task.done():
            task.result()
        return _address_of(listener)


class _Uvicorn(uvicorn.Server):
    """Signals belong to the daemon, not to the page."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _address_of(listener: socket.socket) -> tuple[str, int]:
    host, port, *_ = listener.getsockname()
    return str(host), int(port)


def smtp_settings(config: Config) -> SmtpSettings:
    """The listener's settings from the configuration."""
    smtp = config.smtp
    mib = 1024 * 1024
    return SmtpSettings(
        host=smtp.host,
        port=smtp.port,
        hostname=config.mail.domains[0],
        postmaster_domain=config.mail.domains[0],
        tls_certificate=str(config.path(smtp.tls_certificate)) if smtp.tls_certificate else "",
        tls_key=str(config.path(smtp.tls_key)) if smtp.tls_key else "",
        connection_limit=smtp.max_connections,
        connection_limit_per_host=smtp.max_connections_per_peer,
        in_flight_limit=smtp.max_megabytes_in_flight * mib,
        command_timeout=float(smtp.timeout_seconds),
        data_timeout=float(smtp.timeout_seconds),
        admission=AdmissionSettings(
            size_limit=smtp.max_size_mb * mib,
            recipient_limit=smtp.max_recipients,
            min_free_bytes=smtp.min_free_megabytes * mib,
            per_source_hour=smtp.per_network_per_hour,
            per_sender_domain_hour=smtp.per_domain_per_hour,
            unknown_local_part_hour=smtp.unknown_local_parts_per_hour,
            unknown_local_part_per_source_hour=smtp.unknown_local_parts_per_hour,
            null_path_unknown_hour=smtp.null_sender_unknown_per_hour,
            trusted=tuple(smtp.trusted_relays),
        ),
    )


def imap_settings(config: Config) -> tuple[ImapSettings, ...]:
    """The IMAP doors' settings; each password is read from its file now."""
    return tuple(
        ImapSettings(
            name=account.name,
            host=account.host,
            user=account.user,
            password=config.path(account.password_file).read_text("utf-8").strip(),
            port=account.port,
            security=account.tls,
            ca_file=str(config.path(account.ca_file)) if account.ca_file else "",
            folder=account.folder,
            move_to=account.move_to,
            recipient_headers=tuple(account.envelope_headers),
            size_limit=config.smtp.max_size_mb * 1024 * 1024,
            poll_seconds=float(account.poll_seconds),
        )
        for account in config.imap
    )
