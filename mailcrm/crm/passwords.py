"""Passwords as argon2id hashes (19 MiB, two passes: 25 ms). Slow by design: never inside a transaction.

At most two are hashed at a time, so that a flood of sign-ins cannot take the machine's memory.
"""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailcrm.crm.done import Refused

_FEWEST = 10  # characters
_MOST = 1000
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_AT_ONCE = threading.BoundedSemaphore(2)
# Of a random password nobody knows: an unknown user costs as much time as a known one.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$vk3k62xILUCLm9xIFsQX7g$e6D2DTKxjt+Ceolk/N6q//Fesyetsu4LpoeLmJ9MsUY"


def password_hash(password: str) -> str:
    """The hash to store; Refused if the password is too short or absurdly long."""
    if len(password) < _FEWEST:
        raise Refused("A password needs at least %(count)s characters.", count=_FEWEST)
    if len(password) > _MOST:
        raise Refused("The password is too long.")
    with _AT_ONCE:
        return _HASHER.hash(password)


def is_right(password: str, stored: str | None) -> bool:
    """Whether the password belongs to the hash; takes as long when there is none."""
    with _AT_ONCE:
        try:
            _HASHER.verify(stored or _NOBODY, password[:_MOST])
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None
