"""Changed fields by time, for what a manager is told of."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_fields = sa.text("event = 'fields'")
    op.create_index("ix_message_fields_at", "message", ["at"], sqlite_where=is_fields, postgresql_where=is_fields)
