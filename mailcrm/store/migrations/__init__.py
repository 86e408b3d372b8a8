"""The steps from an empty database to ``store/tables.py``: Alembic revisions, append-only, one purpose line each."""
