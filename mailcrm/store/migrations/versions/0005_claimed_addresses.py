"""Addresses that users say are theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "address_claim",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("key", sa.String(length=320), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_address_claim_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_claim")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_address_claim_user_id_key")),
    )
    with op.batch_alter_table("address_claim", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_address_claim_key"), ["key"], unique=False)
