"""Tickets past their term become counts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'e8b31f60d7c2'
down_revision = 'd7a2c05e9b41'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('ticket_counts',
    sa.Column('country', sa.String(length=2), nullable=False),
    sa.Column('month', sa.String(length=7), nullable=False, comment='in which it was opened: 2026-11'),
    sa.Column('band', sa.String(length=16), nullable=False),
    sa.Column('outcome', sa.String(length=24), nullable=False, comment="'' where none was given"),
    sa.Column('times', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('country', 'month', 'band', 'outcome', name=op.f('pk_ticket_counts'))
    )


def downgrade() -> None:
    op.drop_table('ticket_counts')
