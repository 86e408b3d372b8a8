"""Work done in other processes: one function over many items, which survives an item that kills or hangs its process.

Such an item is found by trying those it was with one by one; only the culprit fails. A process ends with its parent.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from typing import Generic, TypeVar

from mailcrm.process import quiet_noise

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_SECONDS = 60.0  # for one item, or for several small ones; far more than the largest mail takes
_TOGETHER = 8  # handed over as one: each hand-over costs the caller a fifth of what reading a mail costs


class Ended(Exception):
    """The work on this item ended its process, or did not end."""


class Begun(Generic[Answer]):
    """Items that are being worked on."""

    def __init__(self, wait: Callable[[], list[Answer | Exception]]) -> None:
        self._wait = wait

    def answers(self) -> list[Answer | Exception]:
        """Waits. One answer per item, in order: what came of it, or why nothing did. To be asked once."""
        return self._wait()


class Apart(Generic[Item, Answer]):
    """``work`` and all items and answers must be picklable. ``processes`` 0 works in the calling thread, when the answers are
    asked for. Not for use by several threads at once.
    """

    def __init__(self, work: Callable[[Item], Answer], processes: int) -> None:
        self._work = work
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None

    @property
    def is_apart(self) -> bool:
        """Whether other processes work while the caller does something else."""
        return self._processes > 0

    def start(self, items: Sequence[Item]) -> Begun[Answer]:
        """Have the items worked on."""
        if not self._processes:
            return Begun(lambda: _do(self._work, items))
        groups = [items[at : at + _TOGETHER] for at in range(0, len(items), _TOGETHER)]
        futures = [self._submit(group) for group in groups]
        pool = self._pool

        def wait() -> list[Answer | Exception]:
            answers = [self._answers(future, pool, group) for future, group in zip(futures, groups, strict=True)]
            return [answer for group in answers for answer in group]

        return Begun(wait)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _submit(self, items: Sequence[Item]) -> "Future[list[Answer | Exception]] | None":
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, mp_context=context, initializer=_warm_up)
        try:
            return self._pool.submit(_do, self._work, items)
        except BrokenProcessPool:
            return None

    def _answers(
        self,
        future: "Future[list[Answer | Exception]] | None",
        pool: ProcessPoolExecutor | None,
        items: Sequence[Item],
    ) -> list[Answer | Exception]:
        try:
            if future is not None:
                return future.result(_SECONDS)
        except (BrokenProcessPool, CancelledError, FutureTimeoutError):
            pass
        except Exception as e:  # noqa: BLE001 -- handed to the caller's loop, which tries again or gives up
            return [e for _ in items]
        if self._pool is pool:
            self._abandon()
        return [self._alone(item) for item in items]

    def _alone(self, item: Item) -> Answer | Exception:
        """Work on one item with the process to itself, after the one it shared with others was lost."""
        future = self._submit([item])
        try:
            if future is not None:
                return future.result(_SECONDS)[0]
        except (BrokenProcessPool, FutureTimeoutError) as e:
            self._abandon()
            return Ended(
                f"this mail ended the process that worked on it or took over {_SECONDS:.0f} s ({type(e).__name__})"
            )
        except Exception as e:  # noqa: BLE001 -- handed to the caller's loop
            return e
        return Ended("the process for this mail could not be started")

    def _abandon(self) -> None:
        """Drop a pool that is broken or hangs; its processes are ended."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)


def _do(work: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer | Exception]:
    return [_do_one(work, item) for item in items]


def _do_one(work: Callable[[Item], Answer], item: Item) -> Answer | Exception:
    try:
        return work(item)
    except Exception as e:  # noqa: BLE001 -- handed to the caller's loop
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
