"""The signing keys: made at the first start, kept in one file of mode 0600, rotated without breaking printed addresses.

Losing the file means that reply addresses already printed no longer verify: answers then find their lead by References.
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from mailcrm.mail import ConfigError

_MOST_KEYS = 16  # a key id has four bits


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys still accepted, by id, and the one that signs."""

    keys: dict[int, bytes]
    current_id: int

    @property
    def current(self) -> bytes:
        return self.keys[self.current_id]


def load_or_make(path: Path) -> Keyring:
    """The keys in ``path``; the file is made when it is missing. An unreadable file is a ConfigError, never replaced."""
    if not path.exists():
        _write(path, {"current": 0, "keys": {"0": secrets.token_hex(32)}})
    try:
        data = json.loads(path.read_text("ascii"))
        ring = Keyring({int(k): bytes.fromhex(v) for k, v in data["keys"].items()}, int(data["current"]))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as e:
        raise ConfigError([f"the signing keys in {path} cannot be read: {e}"]) from e
    if ring.current_id not in ring.keys or any(len(key) < 32 for key in ring.keys.values()):
        raise ConfigError([f"the signing keys in {path} are damaged"])
    return ring


def rotate(path: Path) -> Keyring:
    """Add a new signing key; the oldest goes when there are sixteen."""
    ring = load_or_make(path)
    new_id = (ring.current_id + 1) % _MOST_KEYS
    keys = {str(k): v.hex() for k, v in ring.keys.items() if k != new_id}
    _write(path, {"current": new_id, "keys": keys | {str(new_id): secrets.token_hex(32)}})
    return load_or_make(path)


def _write(path: Path, data: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as f:
        json.dump(data, f)
        f.flush()
        os.fsync(f.fileno())
    os.rename(aside, path)
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)
