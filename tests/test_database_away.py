"""A PostgreSQL that is away: mail is accepted and waits in the spool, whoever asks is told in a sentence, and all of it goes on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.daemon_house import SALES, furnished_database, mail
from tests.servers import Postgres, answers, free_port, wait_until
from tests.smtp_peer import SmtpSink, smtp_send

ROOT = Path(__file__).resolve().parent.parent
ALICE, CAROL = "alice@firma.test", "carol@kala.test"


@dataclass
class Site:
    """A configuration on a database that can be shut, and what runs on it."""

    folder: Path
    postgres: Postgres
    database: str
    sink: SmtpSink
    smtp_port: int
    web_port: int

    def shut(self) -> None:
        self.postgres.shut(self.database)

    def open(self) -> None:
        self.postgres.open(self.database)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def send(self, subject: str) -> int:
        made = mail(f"Carol <{CAROL}>", SALES, subject, "Do you sew?")
        answer = smtp_send("127.0.0.1", self.smtp_port, CAROL, [SALES], made.as_bytes())
        return answer.data.code if answer.data else answer.mail.code

    def get(self, path: str) -> httpx.Response:
        key = {"Authorization": "Bearer mailcrm_x", "Cookie": "mailcrm=x", "Accept-Language": "en"}
        return httpx.get(f"http://127.0.0.1:{self.web_port}{path}", headers=key, timeout=20)

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(self._command(*arguments), input=stdin, capture_output=True, timeout=60, cwd=ROOT)

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / "log").open("wb") as log:
            daemon = subprocess.Popen(self._command("serve"), stderr=log, cwd=ROOT)
        try:
            wait_until(lambda: answers(self.smtp_port), timeout=30, what="the listener")
            yield daemon
        finally:
            daemon.terminate()
            daemon.wait(30)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "mailcrm", "--config", str(self.folder / "config.toml"), *arguments]


@pytest.fixture
def site(tmp_path: Path, postgres: Postgres, postgres_url: str, smtp_sink: SmtpSink) -> Site:
    furnished_database(tmp_path / "data", postgres_url)
    made = Site(tmp_path, postgres, postgres_url.rpartition("/")[2], smtp_sink, free_port(), free_port())
    (tmp_path / "config.toml").write_text(
        f'[storage]\ndata_dir = "data"\ndatabase = "{postgres_url}"\n[mail]\ndomains = ["crm.firma.test"]\n'
        f'[smtp]\nport = {made.smtp_port}\n[relay]\nport = {smtp_sink.port}\n[security]\nauthserv_ids = ["mx.firma.test"]\n'
        f'[web]\nport = {made.web_port}\npublic_url = "http://page.firma.test"\n[ingest]\nprocesses = 0\n'
    )
    return made


def test_a_daemon_that_starts_without_its_database_accepts_mail_and_goes_on_when_it_answers(site: Site) -> None:
    site.shut()
    with site.serving():
        assert site.send("Sails") == 250
        wait_until(lambda: "the database does not answer" in site.log(), what="a line in the log")
        assert not answers(site.web_port)
        site.open()
        site.sink.wait_for(1, to=ALICE, timeout=30)
        wait_until(lambda: answers(site.web_port), what="the page")
    assert "Traceback" not in site.log()


def test_a_daemon_that_waits_for_its_database_can_be_stopped(site: Site) -> None:
    site.shut()
    with site.serving() as daemon:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(15) == 0
    site.open()


def test_a_daemon_whose_database_goes_away_says_so_in_a_line_and_goes_on(site: Site) -> None:
    with site.serving():
        wait_until(lambda: answers(site.web_port), timeout=30, what="the page")
        site.shut()
        assert site.send("Sails") == 250
        asked, page = site.get("/api/v1/leads"), site.get("/")
        assert (asked.status_code, asked.json()["error"]["code"]) == (503, "unavailable")
        assert page.status_code == 503
        assert "database does not answer" in page.text
        site.open()
        site.sink.wait_for(1, to=ALICE, timeout=30)
        assert site.get("/api/v1/leads").status_code == 401
    assert "the database is away" in site.log()
    assert "Traceback" not in site.log()


@pytest.mark.parametrize(
    "command", [["user", "list"], ["migrate"], ["alias", "remove", SALES], ["digest", "--user", ALICE]], ids="-".join
)
def test_a_command_says_in_a_sentence_that_the_database_is_away_and_can_be_tried_again(
    site: Site, command: list[str]
) -> None:
    site.shut()
    said = site.run(*command)
    assert said.returncode == os.EX_TEMPFAIL
    assert said.stderr.startswith(b"mailcrm: the database does not answer: ")
    assert said.stderr.count(b"\n") == 1
    site.open()


def test_a_pipe_takes_mail_and_a_mail_is_explained_without_the_database(site: Site) -> None:
    site.shut()
    raw = mail(f"Carol <{CAROL}>", SALES, "Sails", "Do you sew?").as_bytes()
    assert site.run("receive", "--from", CAROL, "--to", SALES, stdin=raw).returncode == 0
    explained = site.run("explain", "-", stdin=raw)
    assert explained.returncode == 0
    assert b"human" in explained.stdout
    assert b"route    unknown" in explained.stdout
    site.open()
