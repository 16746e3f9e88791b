"""What was done in a talk, and the one question after it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'c91f4a7be230'
down_revision = 'b6e1d0c45a77'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('ticket_done',
    sa.Column('ticket', sa.String(length=32), nullable=False),
    sa.Column('code', sa.String(length=24), nullable=False),
    sa.PrimaryKeyConstraint('ticket', 'code')
    )
    op.create_table('asked',
    sa.Column('person', sa.String(length=64), nullable=False, comment='HMAC of the address; no ticket'),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('generation', sa.BigInteger(), nullable=False, comment='an exit raises it: nobody is asked any more'),
    sa.Column('country', sa.String(length=2), nullable=False),
    sa.Column('until', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('person', 'channel')
    )
    op.create_table('answers',
    sa.Column('country', sa.String(length=2), nullable=False),
    sa.Column('month', sa.String(length=7), nullable=False, comment='2026-11'),
    sa.Column('answer', sa.String(length=16), nullable=False),
    sa.Column('times', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('country', 'month', 'answer')
    )


def downgrade() -> None:
    op.drop_table('answers')
    op.drop_table('asked')
    op.drop_table('ticket_done')
