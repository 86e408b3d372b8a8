"""Running a part in a process of its own, and what processes use."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_SECONDS = 600.0


@dataclass(frozen=True)
class Part:
    """A process, and the line to it: one question, one answer."""

    pid: int
    line: "Connection[Any, Any]"

    def ask(self, *question: Any) -> Any:
        self.line.send(question)
        return self.answer()

    def answer(self) -> Any:
        if not self.line.poll(_SECONDS):
            raise TimeoutError("a process of the bench does not answer")
        return self.line.recv()


@contextmanager
def running(main: Callable[..., None], *arguments: Any) -> Iterator[Part]:
    """Run ``main(line, *arguments)`` in a new process; the line closed at the end tells it to return."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=main, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        assert process.pid is not None
        yield Part(process.pid, ours)
    finally:
        ours.close()
        process.join(30)
        if process.is_alive():
            process.kill()


def questions(line: "Connection[Any, Any]") -> Iterator[Any]:
    """What is asked on the line until it is closed."""
    try:
        while True:
            yield line.recv()
    except EOFError:
        return


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and all that it started and that still run."""
    return sum(_cpu_of(one) for one in _family(pid))


def peak_bytes(pid: int) -> int:
    """The most memory each process of the family ever had, together."""
    return sum(_peak_of(one) for one in _family(pid))


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += _family(int(child))
    return found


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _peak_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
