"""Measures the journey and its floors in one run, and prints one table.

The daemon, the load generator and the sink each run in a process of their own on one machine, so they share its cores: the floor
of the rate counts what the generator and the sink use as well. Figures of a machine that does other work are worth as much as
their ratios.
"""

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.daemon import daemon_main
from bench.floors import Floor, floors_main, listener_main
from bench.house import bench_config, furnish
from bench.load import Taken, load_main
from bench.processes import Part, cpu_seconds, peak_bytes, running
from bench.sink import sink_main
from mailcrm.config import Config

_LATEST_SECONDS = 120.0  # for the last notice


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many mails each measure takes."""

    floors: int
    warm_up: int
    burst: int
    steady: int
    steady_rate: float


FULL = Sizes(floors=500, warm_up=100, burst=2000, steady=1000, steady_rate=50)
QUICK = Sizes(floors=20, warm_up=10, burst=30, steady=20, steady_rate=50)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run measured. CPU times are seconds a mail."""

    rate: float
    daemon_cpu: float
    others_cpu: float
    statements: Counter[str]
    burst: int
    p50: float
    p99: float
    peak: int
    lost: int


@dataclass(frozen=True, slots=True)
class _Stage:
    """Everything that runs during the measures of the whole journey."""

    daemon: Part
    port: int
    load: Part
    sink: Part

    def statements(self) -> Counter[str]:
        counted: Counter[str] = self.daemon.ask("statements")
        return counted

    def send(self, first: int, count: int, rate: float) -> tuple[list[Taken], dict[int, float]]:
        """Send mails; when each was taken, and when its notice came."""
        taken: list[Taken] = self.load.ask(self.port, first, count, rate)
        notices: dict[int, float] = self.sink.ask(first + count, _LATEST_SECONDS)
        return taken, notices


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the journey of a mail.")
    parser.add_argument("--quick", action="store_true", help="few mails: shows that it runs, its figures mean little")
    parser.add_argument("--database", default="", help="an SQLAlchemy URL of an empty database; default: SQLite")
    parser.add_argument("--statements", action="store_true", help="list the statements of a mail as well")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    with tempfile.TemporaryDirectory(prefix="mailcrm-bench-") as folder, running(sink_main) as sink:
        config = bench_config(Path(folder), sink.answer(), options.database)
        furnish(config)
        floors = _floors(config, sizes.floors)
        figures = _figures(config, sink, sizes)
    print(table(floors, figures, sizes))
    if options.statements:
        print(_statement_list(figures))


# --- measuring ----------------------------------------------------------------------------------------------------------


def _floors(config: Config, count: int) -> list[Floor]:
    """The parts alone, in the order of the journey; they place the mails from 0 on."""
    with running(listener_main, config) as listener, running(load_main) as load:
        host_port = listener.answer()
        load.ask(host_port[1], 0, count // 10, 0)
        before = cpu_seconds(listener.pid)
        taken: list[Taken] = load.ask(host_port[1], 0, count, 0)
        used = cpu_seconds(listener.pid) - before
    seconds = max(t.accepted_at for t in taken) - min(t.begun_at for t in taken)
    with running(floors_main, config) as part:
        return [Floor("received (SMTP listener)", count, seconds, used), *part.ask(0, count)]


@contextmanager
def _staged(config: Config, sink: Part) -> Iterator[_Stage]:
    with running(daemon_main, config) as daemon, running(load_main) as load:
        yield _Stage(daemon, daemon.answer()[1], load, sink)


def _figures(config: Config, sink: Part, sizes: Sizes) -> Figures:
    """The whole journey: as fast as it goes, then at a steady rate. Mails go on from where the floors ended."""
    with _staged(config, sink) as stage:
        stage.send(sizes.floors, sizes.warm_up, 0)
        first = sizes.floors + sizes.warm_up
        before = stage.statements()
        cpu = cpu_seconds(stage.daemon.pid)
        others = cpu_seconds(stage.load.pid) + cpu_seconds(sink.pid)
        taken, notices = stage.send(first, sizes.burst, 0)
        daemon_cpu = (cpu_seconds(stage.daemon.pid) - cpu) / sizes.burst
        others_cpu = (cpu_seconds(stage.load.pid) + cpu_seconds(sink.pid) - others) / sizes.burst
        statements = stage.statements() - before
        seconds = max(notices[t.number] for t in taken if t.number in notices) - min(t.begun_at for t in taken)
        steady, notices = stage.send(first + sizes.burst, sizes.steady, sizes.steady_rate)
        waits = sorted(notices[t.number] - t.accepted_at for t in steady if t.number in notices)
        return Figures(
            rate=sizes.burst / seconds,
            daemon_cpu=daemon_cpu,
            others_cpu=others_cpu,
            statements=statements,
            burst=sizes.burst,
            p50=waits[len(waits) // 2],
            p99=waits[int(len(waits) * 0.99)],
            peak=peak_bytes(stage.daemon.pid),
            lost=first + sizes.burst + sizes.steady - len(notices),
        )


# --- the table ----------------------------------------------------------------------------------------------------------

_Row = tuple[str, str, str, str]


def table(floors: Sequence[Floor], figures: Figures, sizes: Sizes) -> str:
    """The one table: figure, value, floor of the same run, how near the value is to it."""
    parts = sum(floor.cpu_seconds / floor.count for floor in floors)
    cores = len(os.sched_getaffinity(0))
    best = cores / (parts + figures.others_cpu)
    rows: list[_Row] = [
        (
            "messages a second, SMTP in to notice out",
            f"{figures.rate:.0f}",
            f"{best:.0f}",
            f"{figures.rate / best:.0%}",
        ),
        (
            "CPU of the daemon a mail, ms",
            f"{figures.daemon_cpu * 1e3:.2f}",
            f"{parts * 1e3:.2f}",
            f"{parts / figures.daemon_cpu:.0%}",
        ),
        *(_part(floor) for floor in floors),
        ("CPU of load generator and sink a mail, ms", f"{figures.others_cpu * 1e3:.2f}", "", ""),
        (
            "statements a mail",
            f"{figures.statements.total() / figures.burst:.1f}",
            f"{sum(floor.statements / floor.count for floor in floors):.1f}",
            "",
        ),
        (f"250 to notice, p50 at {sizes.steady_rate:.0f} a second, ms", f"{figures.p50 * 1e3:.0f}", "", ""),
        (f"250 to notice, p99 at {sizes.steady_rate:.0f} a second, ms", f"{figures.p99 * 1e3:.0f}", "", ""),
        ("peak memory of the daemon, MB", f"{figures.peak / 1e6:.0f}", "", ""),
        ("mails without a notice", f"{figures.lost}", "0", ""),
    ]
    head = ("figure", "value", "floor", "of floor")
    return "\n".join(f"{a:<54}{b:>12}{c:>12}{d:>10}" for a, b, c, d in (head, *rows))


def _part(floor: Floor) -> _Row:
    """A part alone stands in the column of floors: its rate, and below the total its share of the CPU."""
    cpu = f"{floor.cpu_seconds / floor.count * 1e3:.2f}"
    statements = f", {floor.statements / floor.count:.1f} statements" if floor.statements else ""
    return (f"  {floor.name} alone{statements}", f"{floor.count / floor.seconds:.0f}/s", cpu, "")


def _statement_list(figures: Figures) -> str:
    lines = [
        f"{count / figures.burst:6.2f}  {' '.join(statement.split())[:150]}"
        for statement, count in figures.statements.most_common(80)
    ]
    return "\n".join(["", "times a mail  statement", *lines])
