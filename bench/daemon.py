"""The daemon under measure, in a process of its own, with its statements counted."""

import threading
from collections import Counter
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import Engine, event

from bench.processes import questions
from mailcrm import app
from mailcrm.config import Config
from mailcrm.store.engine import Store


def daemon_main(line: "Connection[Any, Any]", config: Config) -> None:
    """Says where it receives mail, then answers everything asked with the statements executed so far, each with its count."""
    with app.sole_writer(config), app.foundation(config) as base:
        statements = count_statements(base.store)
        daemon = app.Daemon(base, frozenset(app.ROLES), lambda listening: line.send(listening.smtp))

        def answer() -> None:
            for _ in questions(line):
                line.send(Counter(statements))
            daemon.stop()

        threading.Thread(target=answer, name="bench", daemon=True).start()
        daemon.serve()


def count_statements(store: Store) -> Counter[str]:
    """Counts each execution from now on; one with many rows counts once."""
    counted: Counter[str] = Counter()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        counted[statement] += 1

    engines: set[Engine] = {store.writer, store.reader} if store.is_sqlite else {store.writer}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    return counted
