"""The real servers the tests talk to: PostgreSQL, Dovecot and Postfix from Debian's packages, each in its own folder.

Each listens on a free port of 127.0.0.1, is started in the foreground as a child of the test process, and receives a
signal from the kernel if that process dies, so that nothing is left running. A missing server is an error that names
the package: a test never skips in silence.
"""

import grp
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from imapclient import IMAPClient, SocketTimeout
from psycopg import sql

LOOPBACK = "127.0.0.1"
_random_port = random.SystemRandom()


class ServerMissing(Exception):
    """A test needs a server that is not installed."""


def program(name: str, *, package: str, folders: Sequence[str] = ("/usr/sbin", "/usr/bin")) -> str:
    """The path of a program of a Debian package; Debian's own comes before anything else on PATH."""
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise ServerMissing(f"{name} is missing: run `make test`, or `apt-get install {package}`")
    return found


def free_port() -> int:
    """A port nobody listens on, below the range the kernel gives to outgoing connections, so that none takes it."""
    for _ in range(100):
        port = _random_port.randrange(15_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise OSError("no free port found")


def wait_until(condition: Callable[[], bool], *, timeout: float = 10, what: str = "the condition") -> None:
    """Return as soon as the condition holds; fail with `what` when it does not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {timeout} s"
        time.sleep(0.005)  # noqa: TID251 -- the one place that polls, for what cannot be waited on


def answers(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _as_root(*command: str) -> list[str]:
    return list(command) if os.geteuid() == 0 else [program("sudo", package="sudo"), "-n", *command]


class _Daemon:
    """One server process in the foreground, its output in a log file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        stop_signal: signal.Signals,
        user: str | None = None,
        needs_root: bool = False,
    ) -> None:
        setpriv = program("setpriv", package="util-linux")
        self._command = _as_root(setpriv) if needs_root else [setpriv]
        if user is not None and os.geteuid() == 0:
            self._command += [f"--reuid={user}", f"--regid={_primary_group(user)}", "--init-groups"]
        self._stop_signal = stop_signal.name.removeprefix("SIG")
        self._command += [f"--pdeathsig={self._stop_signal}", *command]
        self._log = log
        self._needs_root = needs_root
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, is_ready: Callable[[], bool]) -> None:
        with self._log.open("ab") as log:
            self._process = process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._log.parent
            )
        wait_until(lambda: process.poll() is not None or is_ready(), timeout=30, what=f"{self._command[-1]} starting")
        if process.poll() is not None:
            raise OSError(
                f"{' '.join(self._command)} ended with {process.returncode}:\n{self._log.read_text()[-2000:]}"
            )

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        kill = ["kill", f"-{self._stop_signal}", str(process.pid)]
        subprocess.run(_as_root(*kill) if self._needs_root else kill, check=False)  # it may have ended by itself
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def _primary_group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


@contextmanager
def _server_folder(name: str, *, owner: str | None = None) -> Iterator[Path]:
    """A short path under /tmp, for Unix sockets are limited to 107 characters; open to the server's own user."""
    folder = Path(tempfile.mkdtemp(prefix=f"mailcrm-{name}-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        if owner is not None and os.geteuid() == 0:
            shutil.chown(folder, owner)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            subprocess.run(_as_root("rm", "-rf", str(folder)), check=True)


def make_certificate(path: Path) -> None:
    """A self-made certificate for 127.0.0.1 and its key, in one PEM file."""
    command = [program("openssl", package="openssl"), "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", "-", "-out", "-"]
    made = subprocess.run([*command, *key, "-addext", f"subjectAltName=IP:{LOOPBACK}"], check=True, capture_output=True)
    path.write_bytes(made.stdout)


# PostgreSQL


class Postgres:
    """A cluster without fsync, whose databases are made and dropped by tests."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._made_count = 0

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, *, template: str = "template0") -> str:
        """The name of a new database, empty or a copy of `template` (which nobody may be connected to)."""
        self._made_count += 1
        name = f"test_{self._made_count}"
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)),
        )
        return name

    def drop_database(self, name: str) -> None:
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def shut(self, name: str) -> None:
        """Nobody reaches this database until `open`; who is connected is cut off."""
        self._execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        ended = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}")
        self._execute(ended.format(sql.Literal(name)))

    def open(self, name: str) -> None:
        self._execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(
            host=LOOPBACK, port=self.port, user="postgres", dbname="postgres", autocommit=True, connect_timeout=10
        ) as connection:
            connection.execute(statement)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    folders = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    initdb = program("initdb", package="postgresql", folders=folders)
    postgres = program("postgres", package="postgresql", folders=folders)
    port = free_port()
    with _server_folder("postgres", owner="postgres") as folder:
        data = folder / "data"
        subprocess.run(
            [initdb, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D", str(data)],
            check=True,
            capture_output=True,
            cwd=folder,
            user="postgres" if os.geteuid() == 0 else None,
            group=_primary_group("postgres") if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
        )
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(port),
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "200",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = [postgres, "-D", str(data), *options]
        daemon = _Daemon(command, log=folder / "log", user="postgres", stop_signal=signal.SIGINT)
        daemon.start(lambda: _accepts_sessions(port))
        try:
            yield Postgres(port)
        finally:
            daemon.stop()


def _accepts_sessions(port: int) -> bool:
    try:
        psycopg.connect(host=LOOPBACK, port=port, user="postgres", dbname="postgres", connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


# Dovecot

_DOVECOT_CONF = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/certificate.pem
disable_plaintext_auth = no
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
mail_max_userip_connections = 100
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_group} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
{unprivileged}
"""

# Without root every process runs as whoever runs the tests.
_DOVECOT_UNPRIVILEGED = """
service auth {{
  user = {me}
}}
service auth-worker {{
  user = {me}
}}
"""


@dataclass(frozen=True)
class DovecotAccount:
    """One mailbox owner; any name is a user, so that a test takes a new one and shares the server."""

    host: str
    port: int
    user: str
    password: str


class Dovecot:
    host = LOOPBACK
    password = "secret"

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.tls_port = free_port()
        self.certificate = folder / "certificate.pem"
        make_certificate(self.certificate)
        self._folder = folder
        self._conf = folder / "dovecot.conf"
        self._made_count = 0
        self._daemon = _Daemon(
            [program("dovecot", package="dovecot-core dovecot-imapd"), "-F", "-c", str(self._conf)],
            log=folder / "output.log",
            stop_signal=signal.SIGTERM,
        )
        self._write_conf()

    def _write_conf(self) -> None:
        is_root = os.geteuid() == 0
        mail_user = pwd.getpwnam("nobody" if is_root else _me())
        for name in ("mail", "run", "state"):
            (self._folder / name).mkdir()
        if is_root:
            shutil.chown(self._folder / "mail", mail_user.pw_uid, mail_user.pw_gid)
        self._conf.write_text(
            _DOVECOT_CONF.format(
                folder=self._folder,
                port=self.port,
                tls_port=self.tls_port,
                password=self.password,
                internal_user="dovecot" if is_root else _me(),
                internal_group="dovecot" if is_root else grp.getgrgid(os.getegid()).gr_name,
                login_user="dovenull" if is_root else _me(),
                mail_user=mail_user.pw_uid,
                mail_group=mail_user.pw_gid,
                unprivileged="" if is_root else _DOVECOT_UNPRIVILEGED.format(me=_me()),
            )
        )

    @property
    def is_running(self) -> bool:
        return self._daemon.is_running

    def start(self) -> None:
        self._daemon.start(lambda: answers(self.port))

    def stop(self) -> None:
        self._daemon.stop()

    def new_account(self) -> DovecotAccount:
        self._made_count += 1
        return DovecotAccount(self.host, self.port, f"box{self._made_count}", self.password)

    @contextmanager
    def session(self, account: DovecotAccount) -> Iterator[IMAPClient]:
        client = IMAPClient(self.host, self.port, ssl=False, timeout=SocketTimeout(10, 10))
        client.normalise_times = False
        try:
            client.login(account.user, account.password)
            yield client
        finally:
            client.shutdown()

    def append(self, account: DovecotAccount, *mails: bytes, folder: str = "INBOX", at: datetime | None = None) -> None:
        with self.session(account) as client:
            for raw in mails:
                client.append(folder, raw, msg_time=at)

    def uid_validity(self, account: DovecotAccount, *, folder: str = "INBOX") -> int:
        with self.session(account) as client:
            return int(client.folder_status(folder, ["UIDVALIDITY"])[b"UIDVALIDITY"])

    def renumber(self, account: DovecotAccount) -> None:
        """What a restored or rebuilt mailbox looks like: the same mails under a new UIDVALIDITY, their UIDs from 1."""
        before = self.uid_validity(account)
        self.kill_connections()
        inbox = self._folder / "mail" / account.user
        for path in (*inbox.glob("dovecot-uidlist*"), *inbox.glob("dovecot.index*")):
            path.unlink()
        assert self.uid_validity(account) != before, "Dovecot kept the UIDVALIDITY"

    def kill_connections(self) -> None:
        """End every session as a crash does: the processes are killed, the peers see their connection closed."""
        for pid in self._session_pids():
            with suppress(ProcessLookupError):  # it ended by itself just now
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self._session_pids(), what="the end of the IMAP sessions")

    def _session_pids(self) -> list[int]:
        children = Path(f"/proc/{self._daemon.pid}/task/{self._daemon.pid}/children").read_text().split()
        return [int(pid) for pid in children if _process_name(pid) == "imap"]


def _process_name(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


@contextmanager
def running_dovecot() -> Iterator[Dovecot]:
    with _server_folder("dovecot") as folder:
        dovecot = Dovecot(folder)
        dovecot.start()
        try:
            yield dovecot
        finally:
            dovecot.stop()


# Postfix

_POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.test
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
relay_domains = texthash:{folder}/conf/transport
transport_maps = texthash:{folder}/conf/transport
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
transport_retry_time = 1s
"""

_POSTFIX_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup   unix n - n 60  1 pickup
cleanup  unix n - n -   0 cleanup
qmgr     unix n - n 300 1 qmgr
rewrite  unix - - n -   - trivial-rewrite
bounce   unix - - n -   0 bounce
defer    unix - - n -   0 bounce
trace    unix - - n -   0 bounce
verify   unix - - n -   1 verify
flush    unix n - n -   0 flush
smtp     unix - - n -   - smtp
relay    unix - - n -   - smtp
error    unix - - n -   - error
retry    unix - - n -   - error
showq    unix n - n -   - showq
anvil    unix - - n -   1 anvil
scache   unix - - n -   1 scache
postlog  unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A relay that accepts from loopback and hands the domains it was told of to their hosts."""

    host = LOOPBACK

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._conf = folder / "conf"
        self._routes: dict[str, str] = {}
        self._postfix = _as_root(program("postfix", package="postfix"), "-c", str(self._conf))
        master = program("master", package="postfix", folders=["/usr/lib/postfix/sbin"])
        self._daemon = _Daemon(
            # Its change of user clears the signal of a dying parent; it ends by itself after an hour at the latest.
            [master, "-c", str(self._conf), "-d", "-e", "3600"],
            log=folder / "output.log",
            stop_signal=signal.SIGTERM,
            needs_root=True,
        )

    def start(self) -> None:
        self._conf.mkdir()
        subprocess.run(_as_root("install", "-d", "-o", "root", str(self._folder / "queue")), check=True)
        subprocess.run(_as_root("install", "-d", "-o", "postfix", str(self._folder / "data")), check=True)
        (self._conf / "main.cf").write_text(_POSTFIX_MAIN.format(folder=self._folder))
        (self._conf / "master.cf").write_text(_POSTFIX_MASTER.format(port=self.port))
        (self._conf / "transport").touch()
        self._run("check")
        self._daemon.start(lambda: answers(self.port))

    def stop(self) -> None:
        self._daemon.stop()

    def route(self, domain: str, host: str, port: int) -> None:
        """From now on mail to `domain` goes to that host and port."""
        self._routes[domain] = f"smtp:[{host}]:{port}"
        (self._conf / "transport").write_text("".join(f"{name} {to}\n" for name, to in self._routes.items()))
        self._run("reload")

    def log(self) -> str:
        command = _as_root("cat", str(self._folder / "postfix.log"))
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout

    def _run(self, action: str) -> None:
        command = [*self._postfix, action]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self._folder, timeout=30)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{self.log()}"


@contextmanager
def running_postfix() -> Iterator[Postfix]:
    with _server_folder("postfix") as folder:
        postfix = Postfix(folder)
        postfix.start()
        try:
            yield postfix
        finally:
            postfix.stop()
