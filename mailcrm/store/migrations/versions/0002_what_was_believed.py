"""What was believed of a mail's SPF, DKIM and DMARC."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.add_column(sa.Column("auth", sa.JSON(none_as_null=True), nullable=True))
