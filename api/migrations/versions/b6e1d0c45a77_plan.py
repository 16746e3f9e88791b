"""Which steps of the plan have been talked about"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'b6e1d0c45a77'
down_revision = 'c41f7e2a9d06'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('ticket_plan',
    sa.Column('ticket', sa.String(length=32), nullable=False),
    sa.Column('item', sa.String(length=48), nullable=False, comment='name of a text and the number of its line'),
    sa.PrimaryKeyConstraint('ticket', 'item')
    )


def downgrade() -> None:
    op.drop_table('ticket_plan')
