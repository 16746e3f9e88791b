"""Calls to the outside that are owed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '8d2b64e0c913'
down_revision = '3f0c9a1d7b52'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('alerts',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('ticket', sa.String(length=32), nullable=False),
    sa.Column('way', sa.String(length=16), nullable=False),
    sa.Column('rung', sa.Integer(), nullable=False),
    sa.Column('made_at', sa.Double(), nullable=False),
    sa.Column('due_at', sa.Double(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.CheckConstraint("state in ('due','done','given_up','needless')", name='ck_alerts_state'),
    sa.CheckConstraint("way in ('webhook','sms','call')", name='ck_alerts_way'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('alerts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_alerts_due_at'), ['due_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_alerts_ticket'), ['ticket'], unique=False)


def downgrade() -> None:
    op.drop_table('alerts')
