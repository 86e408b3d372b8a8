"""Which notices a user wants and how, and notices that are gathered in one mail."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("notices", sa.JSON(), server_default="{}", nullable=False))
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gather", sa.String(length=40), nullable=True))
        batch_op.add_column(
            sa.Column("carried_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_index(batch_op.f("ix_outbox_carried_by"), ["carried_by"], unique=False)
        batch_op.create_index(batch_op.f("ix_outbox_gather"), ["gather"], unique=False)
        batch_op.create_index("ix_outbox_user_id_created_at", ["user_id", "created_at"], unique=False)
        batch_op.drop_index("ix_outbox_user_id")
