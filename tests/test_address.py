"""Addresses: keys, reply tokens, return-paths and markers; whatever is changed in them, nothing verifies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.address import (
    address_key,
    domain_key,
    local_part,
    looks_like_token,
    loop_marker,
    read_marker,
    read_return_path,
    read_token,
    reply_address,
    return_path,
    sign_token,
    verify_marker,
    verify_return_path,
    verify_token,
)
from mailcrm.mail import Intent

_KEY, _OTHER, _NONCE, _NONCE_2 = b"k" * 32, b"o" * 32, b"n" * 16, b"m" * 16
_D = "crm.firma.test"
_IDS = st.integers(1, 2**40 - 1)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        (" Carol@ACME.example ", "carol@acme.example"),
        ("carol@acme.example.", "carol@acme.example"),
        ("carol@häme.fi", "carol@xn--hme-qla.fi"),
        ('"a@b"@acme.example', '"a@b"@acme.example'),
        ("STRASSE@x.fi", "strasse@x.fi"),
        ("carol", ""),
        ("@acme.example", ""),
        ("carol@", ""),
        ("", ""),
    ],
)
def test_addresses_are_compared_by_key(address: str, key: str) -> None:
    assert address_key(address) == key


def test_a_domain_that_cannot_be_encoded_is_only_lowered() -> None:
    assert domain_key("Ä" * 70 + ".fi") == "ä" * 70 + ".fi"
    assert local_part("Carol.Smith@x.fi") == "carol.smith"


@given(_IDS, st.sampled_from(list(Intent)), st.integers(0, 15))
def test_a_token_is_read_back_and_verifies(outbox_id: int, intent: Intent, key_id: int) -> None:
    token = sign_token(outbox_id, intent, _NONCE, key_id, _KEY)

    for address in (reply_address(token, _D), reply_address(token.upper(), _D, "plus", "sales")):
        claim = read_token(address)
        assert claim is not None
        assert (claim.outbox_id, claim.intent, claim.key_id) == (outbox_id, intent, key_id)
        assert len(local_part(address)) <= 36
        assert verify_token(claim, _NONCE, {key_id: _KEY})


@given(_IDS, st.integers(0, 25), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_changed_token_never_verifies(outbox_id: int, place: int, letter: str) -> None:
    token = sign_token(outbox_id, Intent.REPLY, _NONCE, 1, _KEY)
    claim = read_token(reply_address(token[:place] + letter + token[place + 1 :], _D))

    if claim is not None and verify_token(claim, _NONCE, {1: _KEY}):
        assert token[place] == letter or place == 25  # of the last letter's bits two carry nothing


def test_a_token_verifies_only_with_its_row_and_its_key() -> None:
    claim = read_token(reply_address(sign_token(7, Intent.NOTE, _NONCE, 1, _KEY), _D))

    assert claim is not None
    assert verify_token(claim, _NONCE, {0: _OTHER, 1: _KEY})
    assert not verify_token(claim, _NONCE_2, {1: _KEY})
    assert not verify_token(claim, _NONCE, {1: _OTHER})
    assert not verify_token(claim, _NONCE, {0: _KEY})


def test_an_alias_too_long_for_a_printed_address_falls_back_to_plain() -> None:
    token = sign_token(7, Intent.REPLY, _NONCE, 0, _KEY)

    assert reply_address(token, _D, "plus", "sales") == f"sales+{token}@{_D}"
    assert reply_address(token, _D, "plus", "sales-finland") == f"r{token}@{_D}"
    assert reply_address(token, _D, "plus") == f"r{token}@{_D}"


@pytest.mark.parametrize(
    "address",
    [
        "sales@x",
        "x" + "a" * 26 + "@x",
        "r" + "a" * 25 + "@x",
        "r" + "1" * 26 + "@x",
        "r" + "p" * 26 + "@x",
        "r@x",
        "+@x",
    ],
)
def test_other_addresses_are_no_tokens(address: str) -> None:
    assert read_token(address) is None


def test_a_local_part_looks_like_a_token_by_its_shape_alone() -> None:
    assert looks_like_token("r" + "a" * 26)
    assert looks_like_token("sales+" + "a" * 26)
    assert not looks_like_token("sales")


def test_key_ids_are_four_bits() -> None:
    with pytest.raises(ValueError, match="key id 16"):
        sign_token(1, Intent.REPLY, _NONCE, 16, _KEY)


@given(_IDS)
def test_a_return_path_is_short_read_back_and_verifies_by_any_key(outbox_id: int) -> None:
    address = return_path(outbox_id, _NONCE, _KEY, _D)
    claim = read_return_path(address.upper())

    assert claim is not None
    assert claim.outbox_id == outbox_id
    assert len(local_part(address)) <= 28
    assert verify_return_path(claim, _NONCE, {0: _OTHER, 1: _KEY})
    assert not verify_return_path(claim, _NONCE_2, {1: _KEY})
    assert not verify_return_path(claim, _NONCE, {0: _OTHER})


@pytest.mark.parametrize("address", ["b.abcdefghijkl@x", "b0.abcdefghijkl@x", "b1.abc@x", "c1.abcdefghijkl@x", "b1@x"])
def test_other_addresses_are_no_return_paths(address: str) -> None:
    assert read_return_path(address) is None


def test_a_marker_names_its_row_and_proves_it() -> None:
    marker = loop_marker(7, _NONCE, _KEY)

    assert read_marker(f" {marker} ") == 7
    assert verify_marker(f" {marker} ", _NONCE, {1: _KEY})
    assert not verify_marker(marker, _NONCE_2, {1: _KEY})
    assert not verify_marker("nonsense", _NONCE, {1: _KEY})
    for value in ("", "7", "7.", "x.abc", "²7.abc", "9" * 14 + ".abc"):
        assert read_marker(value) is None
