"""Reading mail in other processes: ``understand`` many at once, and survive one that kills or hangs its process.

A mail that takes a process down is found by reading those it was with one by one; only the culprit fails.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool

from mailcrm.ingest.understand import understand
from mailcrm.mail import Envelope, ParsedMail, Verdict
from mailcrm.process import quiet_noise

Mail = tuple[bytes, Envelope]
Understood = tuple[ParsedMail, Verdict]
_SECONDS = 60.0  # for one mail, or for several small ones; far more than the largest takes
_TOGETHER = 8  # handed over as one: each hand-over costs the worker a fifth of what reading a mail costs


class Unreadable(Exception):
    """Reading this mail ended its process, or did not end."""


class Reading:
    """Mails that are being read; ``answers`` waits for them."""

    def __init__(self, answers: "Callable[[], list[Understood | Exception]]") -> None:
        self._answers = answers

    def answers(self) -> list[Understood | Exception]:
        """One answer per mail, in order: what was read, or why it could not be. To be asked once."""
        return self._answers()


class Reader:
    """``processes`` 0 reads in the calling thread, when it is asked for the answers. Not for several threads at once."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None

    @property
    def is_apart(self) -> bool:
        """Whether other processes read while the caller does something else."""
        return self._processes > 0

    def start(self, mails: Sequence[Mail]) -> Reading:
        """Have the mails read."""
        if not self._processes:
            return Reading(lambda: _read(mails))
        groups = [mails[at : at + _TOGETHER] for at in range(0, len(mails), _TOGETHER)]
        futures = [self._submit(group) for group in groups]
        pool = self._pool

        def wait() -> list[Understood | Exception]:
            answers = [self._answers(future, pool, group) for future, group in zip(futures, groups, strict=True)]
            return [answer for group in answers for answer in group]

        return Reading(wait)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _submit(self, mails: Sequence[Mail]) -> "Future[list[Understood | Exception]] | None":
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, mp_context=context, initializer=_warm_up)
        try:
            return self._pool.submit(_read, mails)
        except BrokenProcessPool:
            return None

    def _answers(
        self,
        future: "Future[list[Understood | Exception]] | None",
        pool: ProcessPoolExecutor | None,
        mails: Sequence[Mail],
    ) -> list[Understood | Exception]:
        try:
            if future is not None:
                return future.result(_SECONDS)
        except (BrokenProcessPool, CancelledError, FutureTimeoutError):
            pass
        except Exception as e:  # noqa: BLE001 -- handed to the worker loop, which retries or buries
            return [e for _ in mails]
        if self._pool is pool:
            self._abandon()
        return [self._alone(mail) for mail in mails]

    def _alone(self, mail: Mail) -> Understood | Exception:
        """Read one mail with the process to itself, after the one it shared with others was lost."""
        future = self._submit([mail])
        try:
            if future is not None:
                return future.result(_SECONDS)[0]
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


def _read(mails: Sequence[Mail]) -> list[Understood | Exception]:
    return [_read_one(raw, envelope) for raw, envelope in mails]


def _read_one(raw: bytes, envelope: Envelope) -> Understood | Exception:
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
