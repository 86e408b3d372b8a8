"""The configuration: config.toml is its manual and says the truth; faults are told all at once."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from mailcrm.config import Config, Imap, from_mapping, load
from mailcrm.mail import ConfigError

MANUAL = Path(__file__).resolve().parent.parent / "config.toml"


def _keys(settings: BaseModel) -> dict[str, Any]:
    """Every key of the code with its default, as TOML would hold it."""
    sections = settings.model_dump(mode="json", exclude={"base", "imap"})
    return {f"{name}.{key}": value for name, section in sections.items() for key, value in section.items()}


def test_the_manual_holds_every_key_of_the_code_with_its_default() -> None:
    written = tomllib.loads(MANUAL.read_text("utf-8"))
    in_manual = {f"{name}.{key}": value for name, section in written.items() for key, value in section.items()}
    assert in_manual == _keys(Config())


def test_the_manual_shows_a_mailbox_with_every_key() -> None:
    lines = MANUAL.read_text("utf-8").partition("# [[imap]]\n")[2].partition("\n\n")[0]
    shown = tomllib.loads("\n".join(line.removeprefix("# ") for line in lines.splitlines()))
    assert set(shown) == set(Imap.model_fields)
    defaults = Imap(name=shown["name"], host=shown["host"], user=shown["user"], password_file=shown["password_file"])
    assert defaults.model_dump() == shown


def test_the_manual_is_a_configuration() -> None:
    assert load(MANUAL).web.trusted_proxies == ["127.0.0.0/8", "::1/128"]


def test_every_section_and_key_has_a_sentence_or_a_unit() -> None:
    """A key without a comment says itself what it is; a section without any is a list of secrets."""
    for section in MANUAL.read_text("utf-8").split("\n\n")[1:]:
        assert "#" in section, section


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"web": {"prt": 1}}, "web.prt: unknown key"),
        ({"wbe": {"port": 1}}, "wbe: unknown key"),
        ({"base": "/tmp"}, "base: unknown key"),
        ({"web": {"port": 70000}}, "web.port: Input should be less than or equal to 65535 (got 70000)"),
        ({"web": {"public_url": "crm.firma.test"}}, "web.public_url: must begin with http:// or https://"),
        ({"smtp": {"tls_key": "key.pem"}}, "smtp.tls_certificate and smtp.tls_key: give both or neither"),
        ({"company": {"time_zone": "Moon/Base"}}, "company.time_zone: is not a time zone such as Europe/Helsinki"),
        ({"digest": {"latest": "25:00"}}, "digest.latest: is not a time of day such as 12:00"),
        ({"mail": {"domains": ["not a domain"]}}, "mail.domains.0: is not a domain"),
        ({"relay": {"envelope_sender": "fixed"}}, 'relay.fixed_sender: required with envelope_sender = "fixed"'),
    ],
)
def test_a_fault_names_its_key(given: dict[str, Any], fault: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        from_mapping(given, tmp_path)
    assert any(said.startswith(fault) for said in refused.value.faults), refused.value.faults


def test_a_proxy_must_be_a_network(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"web\.trusted_proxies\.0"):
        from_mapping({"web": {"trusted_proxies": ["proxy.firma.test"]}}, tmp_path)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[web]\nprt = 1\nport = -1\n[smtp]\nport = "a"\n[digest]\nlatest = "noon"\n')
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "config.toml")
    assert {said.partition(":")[0] for said in refused.value.faults} == {
        "web.prt",
        "web.port",
        "smtp.port",
        "digest.latest",
    }


def test_a_file_that_is_missing_or_no_toml_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_text("[web")
    with pytest.raises(ConfigError, match="is not TOML"):
        load(tmp_path / "bad.toml")


def test_a_bad_header_map_is_explained_whole(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    bad = '{ X-Good = "yes", "X Bad" = "yes", X-Open = "(yes", X-All = "y?" }'
    path.write_text(f"[ingest]\nspam_headers = {bad}\n")

    with pytest.raises(ConfigError) as caught:
        load(path)

    (fault,) = caught.value.faults
    assert fault.startswith("ingest.spam_headers: 'X Bad' is not the name of a header field; ")
    assert "X-Open: '(yes' is not a pattern: missing ), unterminated subpattern at position 0" in fault
    assert "X-All: 'y?' fits every value" in fault
    assert "X-Good:" not in fault.partition(" (got ")[0]
