"""How often a digest comes, and whose public holidays its reader has."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("digest", sa.String(length=10), server_default="daily", nullable=False))
        batch_op.add_column(sa.Column("digest_day", sa.String(length=1), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("holidays", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("digest_since", sa.DateTime(timezone=True), nullable=True))
