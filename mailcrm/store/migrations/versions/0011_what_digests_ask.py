"""What digests ask for every user: who waits, which mails are held, which came back, how many are quiet."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    waits = sa.text("waiting_on = 'us' and outcome is null")
    held = sa.text("state = 'held'")
    came_back = sa.text("state in ('failed', 'bounced')")
    op.create_index(
        "ix_lead_waiting", "lead", ["owner_id", "waiting_since"], sqlite_where=waits, postgresql_where=waits
    )
    op.create_index("ix_outbox_held", "outbox", ["actor_user_id"], sqlite_where=held, postgresql_where=held)
    op.create_index(
        "ix_outbox_recipient_came_back", "outbox_recipient", ["at"], sqlite_where=came_back, postgresql_where=came_back
    )
    op.create_index("ix_inbound_state_at", "inbound", ["state", "received_at"])
    op.drop_index("ix_inbound_state", "inbound")
