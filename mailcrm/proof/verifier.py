"""Checks the mails of a batch at one time, each in a thread of its own, since all that they do is wait for name servers.

The libraries and the threads are there from the first mail on that needs them.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailcrm.mail import AuthResults, Envelope

if TYPE_CHECKING:
    from mailcrm.proof.resolver import Resolver

_THREADS = 50  # a batch


@dataclass(frozen=True, slots=True)
class ToCheck:
    """A mail, the domain that its From claims, and whether the client's address in the envelope is the client's own."""

    raw: bytes
    envelope: Envelope
    from_domain: str
    says_address: bool


class Verifier:
    """``servers`` are name servers as configured, none for those of this machine; ``seconds`` the limit for one mail."""

    def __init__(self, servers: Sequence[str] = (), seconds: float = 4.0) -> None:
        self._servers = tuple(servers)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._resolver: Resolver | None = None
        self._threads: ThreadPoolExecutor | None = None

    def results(self, mails: Sequence[ToCheck]) -> list[AuthResults | Exception]:
        """What each mail's proofs say, in order, or why one could not be checked. Takes little longer than one mail may."""
        resolver, threads = self._started()
        return list(threads.map(lambda mail: _checked(mail, resolver), mails))

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)

    def _started(self) -> "tuple[Resolver, ThreadPoolExecutor]":
        from mailcrm.proof.resolver import Resolver, ResolverSettings

        with self._lock:
            if self._resolver is None or self._threads is None:
                self._resolver = Resolver(ResolverSettings(self._servers, self._seconds / 2, self._seconds))
                self._threads = ThreadPoolExecutor(_THREADS, "proof")
            return self._resolver, self._threads


def _checked(mail: ToCheck, resolver: "Resolver") -> AuthResults | Exception:
    from mailcrm.proof.check import check

    try:
        return check(mail.raw, mail.envelope, mail.from_domain, resolver.lookup(), says_address=mail.says_address)
    except Exception as e:  # noqa: BLE001 -- handed to the worker loop, which tries this one mail again
        return e
