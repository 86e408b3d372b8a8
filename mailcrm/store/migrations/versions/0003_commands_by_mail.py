"""Commands by mail: how to take them back, and who wants receipts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "command_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("inbound_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lead_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_command_run_inbound_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_command_run_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command_run")),
    )
    with op.batch_alter_table("command_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_command_run_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_command_run_inbound_id"), ["inbound_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_command_run_lead_id"), ["lead_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_command_run_user_id"), ["user_id"], unique=False)

    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("receipts", sa.String(length=10), server_default="all", nullable=False))
