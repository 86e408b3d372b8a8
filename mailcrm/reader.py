"""Reading mail in other processes: ``understand`` many at once, and survive one that kills or hangs its process.

A mail that takes a process down is found by reading those it was with one by one; only the culprit fails.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool

from mailcrm.ingest.understand import understand
from mailcrm.mail import Envelope, ParsedMail, Verdict
from mailcrm.process import quiet_noise

Understood = tuple[ParsedMail, Verdict]
_SECONDS = 60.0  # for one mail; far more than the largest takes


class Unreadable(Exception):
    """Reading this mail ended its process, or did not end."""


class Reader:
    """``processes`` 0 reads in the calling thread. Not for use by several threads at once."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None

    def read_all(self, mails: Sequence[tuple[bytes, Envelope]]) -> list[Understood | Exception]:
        """One answer per mail, in order: what was read, or why it could not be."""
        if not self._processes:
            return [_here(raw, envelope) for raw, envelope in mails]
        futures = [self._submit(raw, envelope) for raw, envelope in mails]
        pool = self._pool
        return [self._answer(future, pool, *mail) for future, mail in zip(futures, mails, strict=True)]

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _submit(self, raw: bytes, envelope: Envelope) -> "Future[Understood] | None":
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, mp_context=context, initializer=_warm_up)
        try:
            return self._pool.submit(understand, raw, envelope)
        except BrokenProcessPool:
            return None

    def _answer(
        self, future: "Future[Understood] | None", pool: ProcessPoolExecutor | None, raw: bytes, envelope: Envelope
    ) -> Understood | Exception:
        try:
            if future is not None:
                return future.result(_SECONDS)
        except (BrokenProcessPool, CancelledError, FutureTimeoutError):
            pass
        except Exception as e:  # noqa: BLE001 -- handed to the worker loop, which retries or buries
            return e
        if self._pool is pool:
            self._abandon()
        return self._alone(raw, envelope)

    def _alone(self, raw: bytes, envelope: Envelope) -> Understood | Exception:
        """Read one mail with the process to itself, after the one it shared with others was lost."""
        future = self._submit(raw, envelope)
        try:
            if future is not None:
                return future.result(_SECONDS)
        except (BrokenProcessPool, FutureTimeoutError) as e:
            self._abandon()
            return Unreadable(f"reading this mail ended its process or took over {_SECONDS:.0f} s ({type(e).__name__})")
        except Exception as e:  # noqa: BLE001 -- handed to the worker loop
            return e
        return Unreadable("the reading process could not be started")

    def _abandon(self) -> None:
        """Drop a pool that is broken or hangs; its processes are ended."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)


def _here(raw: bytes, envelope: Envelope) -> Understood | Exception:
    try:
        return understand(raw, envelope)
    except Exception as e:  # noqa: BLE001 -- handed to the worker loop
        return e


def _warm_up() -> None:
    """Leave interrupts from the keyboard to the parent, keep what mails hold out of the log, and end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    quiet_noise()


def _end_with_parent() -> None:
    """A parent that was killed tells nobody: this process holds both ends of the queue it waits on and would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
