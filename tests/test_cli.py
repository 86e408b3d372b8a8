"""The commands as a person or an MTA runs them: exit statuses, what they say."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from mailcrm.app import migrate
from mailcrm.cli import main
from mailcrm.config import load
from mailcrm.ingest.spool import Spool
from tests.daemon_house import Clock, running_house
from tests.smtp_peer import SmtpSink

ROOT = Path(__file__).resolve().parent.parent
CUSTOMER_MAIL = (
    b"From: Carol Smith <carol@acme.example>\r\nTo: sales@crm.firma.test\r\nSubject: Chairs\r\n"
    b"Message-ID: <chairs@acme.example>\r\n\r\nTwenty chairs, please.\r\n"
)


@dataclass(frozen=True)
class Said:
    returncode: int
    stdout: bytes
    stderr: bytes


class Run(Protocol):
    def __call__(self, *arguments: str, stdin: bytes = b"", config: Path | None = None) -> Said: ...


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process, as ``main`` does, and gives what it said."""

    def run_here(*arguments: str, stdin: bytes = b"", config: Path | None = None) -> Said:
        if config is not None:
            monkeypatch.setenv("MAILCRM_CONFIG", str(config))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfdbinary.readouterr()
        status = main.run(list(arguments))
        said = capfdbinary.readouterr()
        return Said(status, said.out, said.err)

    return run_here


def run_process(*arguments: str, stdin: bytes = b"", config: Path | None = None) -> Said:
    """Runs a command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"MAILCRM_CONFIG": str(config)} if config else {})}
    command = [sys.executable, "-m", "mailcrm", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=100, env=environment, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        '[storage]\ndata_dir = "data"\n[mail]\ndomains = ["crm.firma.test"]\n[web]\npublic_url = "http://crm-page.firma.test"\n'
        '[security]\nauthserv_ids = ["mx.firma.test"]\n'
    )
    return path


@pytest.fixture
def migrated(config: Path) -> Path:
    migrate(load(config))
    return config


def spooled(config: Path) -> list[bytes]:
    clock = Clock()
    spool = Spool(load(config).data_dir / "spool", "test", clock)
    try:
        return [entry.read() for entry in spool.claim(10)]
    finally:
        spool.close()


def test_help_lists_every_command_and_teaches_the_first_steps(run: Run) -> None:
    said = run("--help").stdout.decode()
    for name in (
        "serve",
        "demo",
        "migrate",
        "check",
        "receive",
        "explain",
        "spool",
        "digest",
        "user",
        "team",
        "alias",
        "apikey",
    ):
        assert f"  {name} " in said
    assert "mailcrm demo" in said


def test_every_command_has_help(run: Run) -> None:
    for name in ("serve", "demo", "check", "receive", "explain", "spool", "digest", "user", "team", "alias", "apikey"):
        answered = run(name, "--help")
        assert answered.returncode == 0, answered.stderr
        assert b"Usage: mailcrm" in answered.stdout


def test_check_lists_every_fault_of_the_configuration_at_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[smtp]\nport = 99999\nhots = "x"\n[company]\nlocale = "sv"\n[nonsense]\n')
    answered = run("check", config=path)
    assert answered.returncode == 78
    said = answered.stderr.decode()
    assert "smtp.port" in said
    assert "smtp.hots: unknown key" in said
    assert "company.locale" in said
    assert "nonsense: unknown key" in said


def test_check_lists_faults_of_every_kind_in_one_pass(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '[smtp]\nport = "x"\ntls_key = 5\n[relay]\nenvelope_sender = "fixed"\npassword_file = "nowhere"\n'
        '[mail]\ndomains = ["crm.firma.test"]\nnotify_address = "notify@firma.test"\n'
        '[digest]\nholidays = "XX"\nworking_hours = "16-8"\n'
        '[[imap]]\nname = "a"\nhost = "h"\nuser = "u"\npassword_file = "nowhere"\n[[imap]]\nname = "a"\n'
        '[[imap]]\nname = "a"\nhost = "h"\nuser = "u"\npassword_file = "nowhere"\n'
    )
    answered = run("check", config=path)
    assert answered.returncode == 78
    said = [line.removeprefix("mailcrm: ") for line in answered.stderr.decode().splitlines()]
    for begin in (
        "smtp.port: ",
        "smtp.tls_key: ",
        "imap.1.host: ",
        "imap: the name 'a' is used twice",
        "relay.fixed_sender: required",
        "relay.password_file: the file",
        "imap.a.password_file: the file",
        "web.public_url: required",
        "mail.notify_address: ",
        "digest.working_hours: are not hours",
        "digest.holidays: the public holidays of XX are not known",
        "the database does not exist yet",
    ):
        assert [line for line in said if line.startswith(begin)], (begin, said)
    assert not [line for line in said if "give both or neither" in line]  # what is wrong with it is said already


def test_check_wants_a_public_url_and_a_database(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    answered = run("check", config=path)
    assert answered.returncode == 78
    assert b"web.public_url" in answered.stderr
    assert b"mailcrm migrate" in answered.stderr


def test_check_warns_that_a_token_alone_is_unsafe(run: Run, migrated: Path) -> None:
    assert run("check", config=migrated).returncode == 0
    unsafe = 'unproven_staff = "token_is_enough"\n'
    migrated.write_text(migrated.read_text() + unsafe)
    answered = run("check", config=migrated)
    assert answered.returncode == 0
    assert b"warning: security.unproven_staff" in answered.stdout


def test_check_warns_where_nobody_could_be_acknowledged(run: Run, migrated: Path) -> None:
    with_it = migrated.read_text() + "[acknowledge]\nenabled = true\n"
    migrated.write_text(with_it)
    assert b"acknowledge.enabled" not in run("check", config=migrated).stdout
    migrated.write_text("\n".join(line for line in with_it.splitlines() if not line.startswith("authserv_ids")))
    assert b"warning: acknowledge.enabled" in run("check", config=migrated).stdout


def test_serve_on_an_old_schema_names_the_command_that_mends_it(run: Run, config: Path) -> None:
    answered = run("serve", config=config)
    assert answered.returncode == 78
    assert b"mailcrm migrate" in answered.stderr


def test_serve_refuses_a_role_that_does_not_exist(run: Run, migrated: Path) -> None:
    answered = run("serve", "--role", "smtp,cook", config=migrated)
    assert answered.returncode == 78
    assert b"cook is no role" in answered.stderr


def test_receive_makes_the_mail_durable_and_says_its_spool_id(config: Path) -> None:
    answered = run_process(
        "receive", "--from", "carol@acme.example", "--to", "sales@crm.firma.test", stdin=CUSTOMER_MAIL, config=config
    )
    assert answered.returncode == 0, answered.stderr
    assert answered.stdout.strip()
    assert spooled(config) == [CUSTOMER_MAIL]


def test_receive_takes_config_behind_the_command_and_an_empty_return_path(run: Run, config: Path) -> None:
    arguments = ("receive", "--config", str(config), "--from", "<>", "--to", "b1.abc@crm.firma.test")
    assert run(*arguments, stdin=CUSTOMER_MAIL).returncode == 0
    assert len(spooled(config)) == 1


def test_receive_refuses_strangers_and_oversize_for_good(run: Run, config: Path) -> None:
    stranger = run(
        "receive", "--from", "a@b.example", "--to", "x@elsewhere.example", stdin=CUSTOMER_MAIL, config=config
    )
    assert stranger.returncode == 1
    assert b"5.1.1" in stranger.stderr
    config.write_text(config.read_text() + "[smtp]\nmax_size_mb = 1\n")
    large = run(
        "receive", "--from", "a@b.example", "--to", "sales@crm.firma.test", stdin=b"x" * 1_048_577, config=config
    )
    assert large.returncode == 1
    assert b"5.3.4" in large.stderr
    assert spooled(config) == []


def test_receive_asks_the_mta_to_try_again_when_the_configuration_or_the_disk_is_at_fault(
    run: Run, config: Path, tmp_path: Path
) -> None:
    arguments = ("receive", "--from", "carol@acme.example", "--to", "sales@crm.firma.test")
    broken = tmp_path / "broken.toml"
    broken.write_text("[smtp]\nport = 99999\n")
    assert run(*arguments, stdin=CUSTOMER_MAIL, config=broken).returncode == 75
    (tmp_path / "data").write_text("a file where the folder should be")
    assert run(*arguments, stdin=CUSTOMER_MAIL, config=config).returncode == 75


def test_explain_answers_each_file_with_one_line_and_without_a_database_no_route(run: Run, tmp_path: Path) -> None:
    first, second = tmp_path / "a.eml", tmp_path / "b.eml"
    first.write_bytes(CUSTOMER_MAIL)
    second.write_bytes(
        CUSTOMER_MAIL.replace(b"Subject: Chairs", b"Subject: Out of office\r\nAuto-Submitted: auto-replied")
    )
    answered = run("explain", "--json", str(first), str(second), config=tmp_path / "none.toml")
    assert answered.returncode == 0, answered.stderr
    human, automatic = (json.loads(line) for line in answered.stdout.splitlines())
    assert (human["kind"], human["subject"], human["route"]) == ("human", "Chairs", None)
    assert human["from"] == {"name": "Carol Smith", "address": "carol@acme.example"}
    assert human["reply_text"].strip() == "Twenty chairs, please."
    assert automatic["kind"] == "auto_reply"


def test_explain_reads_paths_from_standard_input_and_goes_on_after_a_missing_one(run: Run, tmp_path: Path) -> None:
    mail = tmp_path / "a.eml"
    mail.write_bytes(CUSTOMER_MAIL)
    paths = f"{tmp_path / 'missing.eml'}\n{mail}\n".encode()
    answered = run("explain", "--json", "--files-from", "-", stdin=paths, config=tmp_path / "none.toml")
    assert answered.returncode == 1
    assert b"missing.eml" in answered.stderr
    missing, found = (json.loads(line) for line in answered.stdout.splitlines())
    assert missing == {"file": str(tmp_path / "missing.eml"), "error": "No such file or directory"}
    assert found["subject"] == "Chairs"


def test_explain_answers_each_path_before_the_next_is_asked(tmp_path: Path) -> None:
    mail = tmp_path / "a.eml"
    mail.write_bytes(CUSTOMER_MAIL)
    command = [sys.executable, "-m", "mailcrm", "--config", str(tmp_path / "none.toml"), "explain", "--json"]
    with subprocess.Popen([*command, "--files-from", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for _ in range(3):
            server.stdin.write(f"{mail}\n".encode())
            server.stdin.flush()
            assert json.loads(server.stdout.readline())["subject"] == "Chairs"
        server.stdin.close()


def test_explain_takes_a_mailbox_apart(run: Run, tmp_path: Path) -> None:
    box = tmp_path / "box.mbox"
    quoted = CUSTOMER_MAIL + b"\r\n>From here on it is text.\r\n"
    box.write_bytes(
        b"From a@b Tue Mar  5 10:11:12 2024\r\n" + quoted + b"\r\nFrom c@d Tue Mar  5 10:12:12 2024\r\n" + CUSTOMER_MAIL
    )
    answered = run("explain", "--json", str(box), config=tmp_path / "none.toml")
    first, second = (json.loads(line) for line in answered.stdout.splitlines())
    assert (first["number"], second["number"]) == (1, 2)
    assert "\nFrom here on it is text." in "\n".join(segment["text"] for segment in first["segments"])


KEYS = (
    "kind", "reason", "subject", "from", "reply_to", "to", "cc", "date", "message_id", "in_reply_to", "references", "reply_text",
    "html", "segments", "forwarded", "attachments", "bounce", "auto_reply", "calendar", "form", "language", "defects", "route",
)  # fmt: skip


def test_explain_has_the_keys_it_promises(run: Run, tmp_path: Path) -> None:
    mail = tmp_path / "a.eml"
    mail.write_bytes(CUSTOMER_MAIL)
    answer = json.loads(run("explain", "--json", str(mail), config=tmp_path / "none.toml").stdout)
    assert set(KEYS) <= answer.keys()
    assert all(answer[key] is None for key in ("bounce", "auto_reply", "calendar", "form", "route"))


@pytest.fixture
def furnished(tmp_path: Path, smtp_sink: SmtpSink) -> Path:
    """A house that was running and stopped, with a configuration file for commands."""
    with running_house(tmp_path / "data", smtp_sink):
        pass
    path = tmp_path / "config.toml"
    path.write_text(
        '[storage]\ndata_dir = "data"\n[mail]\ndomains = ["crm.firma.test"]\n[web]\npublic_url = "http://crm-page.firma.test"\n'
    )
    return path


def test_explain_says_the_route_where_there_is_a_database_and_changes_nothing(
    run: Run, furnished: Path, tmp_path: Path
) -> None:
    mail = tmp_path / "a.eml"
    mail.write_bytes(CUSTOMER_MAIL)
    before = (tmp_path / "data" / "mailcrm.sqlite").read_bytes()
    answered = json.loads(run("explain", "--json", str(mail), config=furnished).stdout)
    assert (answered["author"], answered["route"], answered["route_reason"]) == ("outsider", "new_lead", "alias")
    assert (tmp_path / "data" / "mailcrm.sqlite").read_bytes() == before


def test_a_user_inside_a_catch_all_domain_is_refused_unless_listed(run: Run, furnished: Path) -> None:
    add = ("user", "add", "zoe@crm.firma.test", "--name", "Zoe Zen")
    refused = run(*add, config=furnished)
    assert refused.returncode == 1
    assert b"crm.firma.test" in refused.stderr
    text = furnished.read_text().replace("[mail]\n", '[mail]\nstaff_routes = ["zoe@crm.firma.test"]\n')
    furnished.write_text(text)
    assert run(*add, config=furnished).returncode == 0
    assert b"zoe@crm.firma.test" in run("user", "list", config=furnished).stdout


def test_check_finds_a_user_whose_mail_would_become_leads(run: Run, furnished: Path) -> None:
    text = furnished.read_text()
    furnished.write_text(text.replace("[mail]\n", '[mail]\nstaff_routes = ["zoe@crm.firma.test"]\n'))
    assert run("user", "add", "zoe@crm.firma.test", "--name", "Zoe Zen", config=furnished).returncode == 0
    furnished.write_text(text)
    answered = run("check", config=furnished)
    assert answered.returncode == 78
    assert b"zoe@crm.firma.test" in answered.stderr


def test_a_digest_for_nobody_is_refused_in_a_sentence(run: Run, furnished: Path) -> None:
    answered = run("digest", "--user", "nobody@firma.test", "--dry-run", config=furnished)
    assert answered.returncode == 1
    assert b"nobody@firma.test is not an active user" in answered.stderr


def test_two_daemons_on_one_folder_are_refused_and_writing_commands_go_to_the_first(tmp_path: Path) -> None:
    arguments = ["demo", "--data-dir", str(tmp_path), "--smtp", "127.0.0.1:0", "--web", "127.0.0.1:0", "--json"]
    command = [sys.executable, "-m", "mailcrm", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as demo:
        try:
            assert demo.stdout is not None
            info = json.loads(demo.stdout.readline())
            assert {"smtp", "web", "api_key", "domain", "users", "aliases", "partners"} == set(info)
            second = run_process(*arguments)
            assert second.returncode == 75
            assert b"another mailcrm is running" in second.stderr
            config = tmp_path / "config.toml"
            added = run_process("team", "add", "Support", config=config)
            assert added.returncode == 0, added.stderr
            assert b"Support" in run_process("team", "list", config=config).stdout
            twice = run_process("team", "add", "Support", config=config)
            assert twice.returncode == 1
            assert b"Support" in twice.stderr
            demo.terminate()
            assert demo.wait(60) == 0
        finally:
            demo.kill()  # else leaving the block waits for it for ever
