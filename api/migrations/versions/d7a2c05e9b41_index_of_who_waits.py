"""An index that holds all that the queue's order needs"""

from __future__ import annotations

from alembic import op

revision = 'd7a2c05e9b41'
down_revision = 'c41b7a90d2e6'
branch_labels = None
depends_on = None

_COLUMNS = ['state', 'band', 'wish', 'call', 'again', 'created_at', 'owner', 'desk', 'called_desk', 'repeat_key', 'id']


def upgrade() -> None:
    op.create_index('ix_tickets_waiting', 'tickets', _COLUMNS, unique=False)


def downgrade() -> None:
    op.drop_index('ix_tickets_waiting', table_name='tickets')
