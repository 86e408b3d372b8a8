"""Whether we invited the customer to a meeting."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_ours", sa.Boolean(), server_default=sa.text("false"), nullable=False))
