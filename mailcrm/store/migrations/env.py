"""What Alembic runs for every command: it is given an open connection by ``store/migrate.py`` and never finds one itself."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from mailcrm.store.tables import UTCDateTime, metadata


def _written_type(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """A revision must not change when ``tables.py`` does, so it names only SQLAlchemy's own types."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        render_item=_written_type,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
