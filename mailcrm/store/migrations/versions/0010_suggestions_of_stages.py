"""What each stage suggests after an activity is done; the stages a house began with get what a new house gets."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FIRST = (
    ("New", "", "call", "get in touch with the customer", "ota yhteyttä asiakkaaseen", 1),
    ("Assigned", "", "call", "get in touch with the customer", "ota yhteyttä asiakkaaseen", 1),
    ("Contacted", "", "call", "ask how it goes on", "kysy, miten edetään", 3),
    ("Meeting booked", "meeting", "mail", "send the minutes", "lähetä muistio", 1),
    ("Meeting booked", "mail", "quote", "make the quote", "tee tarjous", 1),
    ("Meeting booked", "", "call", "confirm the meeting", "vahvista tapaaminen", 2),
    ("Make a quote", "quote", "call", "ask after the quote", "kysy tarjouksesta", 5),
    ("Make a quote", "", "quote", "make the quote", "tee tarjous", 1),
    ("Quote sent", "", "call", "ask after the quote", "kysy tarjouksesta", 5),
)


def upgrade() -> None:
    table = op.create_table(
        "stage_suggestion",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("stage_id", _ID, nullable=False),
        sa.Column("after_type", sa.String(length=20), server_default="", nullable=False),
        sa.Column("next_type", sa.String(length=20), nullable=False),
        sa.Column("text_en", sa.String(length=200), nullable=False),
        sa.Column("text_fi", sa.String(length=200), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.CheckConstraint("days between 1 and 365", name=op.f("ck_stage_suggestion_days")),
        sa.ForeignKeyConstraint(["stage_id"], ["stage.id"], name=op.f("fk_stage_suggestion_stage_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_suggestion")),
        sa.UniqueConstraint("stage_id", "after_type", name=op.f("uq_stage_suggestion_stage_id_after_type")),
    )
    stages = sa.table("stage", sa.column("id"), sa.column("name_en"))
    known = op.get_bind().execute(sa.select(stages.c.name_en, stages.c.id))
    ids = {row.name_en: row.id for row in known}
    names = ("after_type", "next_type", "text_en", "text_fi", "days")
    rows = [{"stage_id": ids[one[0]], **dict(zip(names, one[1:], strict=True))} for one in _FIRST if one[0] in ids]
    if rows:
        op.bulk_insert(table, rows)
