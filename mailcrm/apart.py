"""Work done in other processes: one function over many items, which survives an item that kills or hangs its process.

Such an item is found by trying those it was with one by one; only the culprit fails. A process ends with its parent.

A large item and its answer go by a file that both read and write: on its way through the queue each lies in memory three times.
"""

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

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


@dataclass(frozen=True, slots=True)
class _Handed(Generic[Answer]):
    """Items handed over. ``path`` is the file they went by, and by which the answers come."""

    future: "Future[list[Answer | Exception]]"
    path: Path | None

    def answers(self) -> list[Answer | Exception]:
        try:
            found = self.future.result(_SECONDS)
            return found if self.path is None else _read_file(self.path)
        finally:
            if self.path is not None:
                self.path.unlink(missing_ok=True)


class Apart(Generic[Item, Answer]):
    """``work`` and all items and answers must be picklable. ``processes`` 0 works in the calling thread, when the answers are
    asked for. Not for use by several threads at once.

    ``is_large``: which items go by a file, one that nobody else may read, in ``folder``.
    """

    def __init__(
        self,
        work: Callable[[Item], Answer],
        processes: int,
        is_large: Callable[[Item], bool] = lambda item: False,
        folder: Path | None = None,
    ) -> None:
        self._work = work
        self._processes = processes
        self._is_large = is_large
        self._folder = folder
        self._pool: ProcessPoolExecutor | None = None

    @property
    def is_apart(self) -> bool:
        """Whether other processes work while the caller does something else."""
        return self._processes > 0

    def start(self, items: Sequence[Item]) -> Begun[Answer]:
        """Have the items worked on."""
        if not self._processes:
            return Begun(lambda: _do(self._work, items))
        groups = self._groups(items)
        handed = [self._submit(group) for group in groups]
        pool = self._pool

        def wait() -> list[Answer | Exception]:
            answers = [self._answers(one, pool, group) for one, group in zip(handed, groups, strict=True)]
            return [answer for group in answers for answer in group]

        return Begun(wait)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _groups(self, items: Sequence[Item]) -> list[list[Item]]:
        """In order; what is large goes alone."""
        groups: list[list[Item]] = []
        is_open = False
        for item in items:
            is_large = self._is_large(item)
            if is_open and not is_large and len(groups[-1]) < _TOGETHER:
                groups[-1].append(item)
            else:
                groups.append([item])
            is_open = not is_large
        return groups

    def _submit(self, items: Sequence[Item]) -> _Handed[Answer] | None:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, mp_context=context, initializer=_warm_up)
        path = self._file_of(items) if len(items) == 1 and self._is_large(items[0]) else None
        try:
            if path is None:
                return _Handed(self._pool.submit(_do, self._work, items), None)
            return _Handed(self._pool.submit(_do_by_file, self._work, path), path)
        except BrokenProcessPool:
            if path is not None:
                path.unlink(missing_ok=True)
            return None

    def _file_of(self, items: Sequence[Item]) -> Path | None:
        """None where the disk has no room: then they go through the queue."""
        try:
            handle, name = tempfile.mkstemp(prefix="apart-", dir=self._folder)
        except OSError:
            return None
        path = Path(name)
        try:
            with open(handle, "wb") as file:
                pickle.dump(list(items), file, pickle.HIGHEST_PROTOCOL)
        except OSError:
            path.unlink(missing_ok=True)
            return None
        return path

    def _answers(
        self,
        handed: _Handed[Answer] | None,
        pool: ProcessPoolExecutor | None,
        items: Sequence[Item],
    ) -> list[Answer | Exception]:
        try:
            if handed is not None:
                return handed.answers()
        except (BrokenProcessPool, CancelledError, FutureTimeoutError):
            pass
        except Exception as e:  # noqa: BLE001 -- handed to the caller's loop, which tries again or gives up
            return [e for _ in items]
        if self._pool is pool:
            self._abandon()
        return [self._alone(item) for item in items]

    def _alone(self, item: Item) -> Answer | Exception:
        """Work on one item with the process to itself, after the one it shared with others was lost."""
        handed = self._submit([item])
        try:
            if handed is not None:
                return handed.answers()[0]
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


def _do_by_file(work: Callable[[Item], Answer], path: Path) -> list[Answer | Exception]:
    """The items are read from the file and let go of, and the answers written over them."""
    items: list[Item] = _read_file(path)
    answers = [_do_one(work, items.pop(0)) for _ in range(len(items))]
    with path.open("wb") as file:
        pickle.dump(answers, file, pickle.HIGHEST_PROTOCOL)
    return []


def _read_file(path: Path) -> list[Any]:
    with path.open("rb") as file:
        found: list[Any] = pickle.load(file)  # noqa: S301 - one of our processes wrote it, where nobody else may
    return found


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
