"""What reading found is kept; meetings by their calendar id; a person's phone and name as compared."""

import sqlalchemy as sa
from alembic import op

from mailcrm.lookalike import company_key, name_key

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meeting",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("activity_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uid", sa.String(length=500), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("inviter_key", sa.String(length=320), nullable=False),
        sa.Column("organizer_key", sa.String(length=320), server_default="", nullable=False),
        sa.Column("organizer", sa.String(length=640), server_default="", nullable=False),
        sa.Column("location", sa.String(length=500), server_default="", nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("repeats", sa.String(length=20), server_default="", nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activity.id"], name=op.f("fk_meeting_activity_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting")),
        sa.UniqueConstraint("activity_id", name=op.f("uq_meeting_activity_id")),
    )
    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_meeting_uid"), ["uid"], unique=False)

    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.add_column(sa.Column("findings", sa.JSON(), server_default=sa.text("'{}'"), nullable=False))

    with op.batch_alter_table("partner", schema=None) as batch_op:
        batch_op.add_column(sa.Column("phone", sa.String(length=60), server_default="", nullable=False))
        batch_op.add_column(sa.Column("name_key", sa.String(length=300), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_partner_name_key"), ["name_key"], unique=False)

    _fill_name_keys()


def _fill_name_keys() -> None:
    """The names that are there already, as they are compared."""
    partner = sa.table("partner", sa.column("id"), sa.column("kind"), sa.column("name"), sa.column("name_key"))
    rows = op.get_bind().execute(sa.select(partner.c.id, partner.c.kind, partner.c.name)).all()
    compared = {"person": name_key, "company": company_key}
    keys = [{"b_id": row.id, "b_key": compared[row.kind](row.name)} for row in rows]
    if keys:
        write = sa.update(partner).where(partner.c.id == sa.bindparam("b_id")).values(name_key=sa.bindparam("b_key"))
        op.get_bind().execute(write, keys)
