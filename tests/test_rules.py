"""The rules as the configuration makes them, and whose word a mail's door lets us believe."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from mailcrm.config import from_mapping
from mailcrm.rules import rules_of
from tests.values import an_envelope

_CONFIG: dict[str, Any] = {
    "mail": {"domains": ["crm.firma.test", "häme.fi"]},
    "company": {"currency": "SEK"},
    "web": {"public_url": "https://page.firma.test/crm/"},
    "smtp": {"trusted_relays": ["10.0.0.0/8", "::1/128"]},
    "security": {"authserv_ids": ["MX.firma.test"], "own_received": 2, "unproven_staff": "token_is_enough"},
    "ingest": {"own_lists": ["Sales.firma.test"], "trusted_senders": ["Robot@acme.example"], "max_equal_bodies": 7},
    "routing": {"subject_days": 1, "won_days": 2, "wake_days": 3},
}


def test_the_rules_are_the_configurations() -> None:
    rules = rules_of(from_mapping(_CONFIG, Path("/")))

    assert rules.domains == {"crm.firma.test", "xn--hme-qla.fi"}
    assert (rules.notify_key, rules.page_host, rules.currency) == ("notify@crm.firma.test", "page.firma.test", "SEK")
    assert (rules.own_received, rules.is_token_enough) == (2, True)
    assert rules.authserv_ids == {"mx.firma.test"}
    assert rules.own_lists == {"sales.firma.test"}
    assert rules.trusted_senders == {"robot@acme.example"}
    assert rules.max_equal_bodies == 7
    assert (rules.subject_age, rules.won_age, rules.wake_age) == tuple(timedelta(days=n) for n in (1, 2, 3))
    assert rules.trusted_networks == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def test_an_address_is_ours_by_its_domain() -> None:
    rules = rules_of(from_mapping(_CONFIG, Path("/")))

    assert rules.is_ours("Sales@CRM.Firma.Test")
    assert rules.is_ours("x@HÄME.fi")
    assert not rules.is_ours("alice@firma.test")
    assert not rules.is_ours("crm.firma.test@evil.example")


@pytest.mark.parametrize(
    ("peer", "is_trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("::1", True),
        ("", True),
        ("192.0.2.1", False),
        ("mail box", False),
    ],
)
def test_results_are_believed_only_from_our_own_relays(peer: str, is_trusted: bool) -> None:
    rules = rules_of(from_mapping(_CONFIG, Path("/")))

    assert rules.is_trusted_peer(peer) is is_trusted
    assert rules.authserv_ids_for(an_envelope(peer=peer)) == ({"mx.firma.test"} if is_trusted else set())


def test_an_imap_account_has_its_own_servers_name(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    account = {"name": "box", "host": "h", "user": "u", "password_file": "secret", "authserv_ids": ["IMAP.firma.test"]}
    rules = rules_of(from_mapping({**_CONFIG, "imap": [account]}, tmp_path))

    assert rules.authserv_ids_for(an_envelope(peer="box")) == {"imap.firma.test"}
