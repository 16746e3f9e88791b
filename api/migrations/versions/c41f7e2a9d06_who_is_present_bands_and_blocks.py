"""Who is present in a talk, invitations, changes of band, blocked numbers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'c41f7e2a9d06'
down_revision = '8d2b64e0c913'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('presence',
    sa.Column('ticket', sa.String(length=32), nullable=False),
    sa.Column('staff', sa.String(length=32), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('since', sa.Double(), nullable=False, comment="by the database's clock"),
    sa.Column('lease_until', sa.Double(), nullable=False, comment="their console answered; by the database's clock"),
    sa.Column('told', sa.Boolean(), nullable=False, comment='the person knows, or need not'),
    sa.CheckConstraint("kind in ('former','silent','open')", name='ck_presence_kind'),
    sa.PrimaryKeyConstraint('ticket', 'staff')
    )
    with op.batch_alter_table('presence', schema=None) as batch_op:
        batch_op.create_index('ix_presence_staff', ['staff'], unique=False)

    op.create_table('invitations',
    sa.Column('ticket', sa.String(length=32), nullable=False),
    sa.Column('owner', sa.String(length=32), nullable=False, comment='who invites'),
    sa.Column('invited', sa.String(length=32), nullable=False),
    sa.Column('until', sa.Double(), nullable=False, comment="by the database's clock"),
    sa.PrimaryKeyConstraint('ticket')
    )
    op.create_table('band_changes',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('ticket', sa.String(length=32), nullable=False),
    sa.Column('staff', sa.String(length=32), nullable=False, comment='who raised or proposed'),
    sa.Column('second', sa.String(length=32), nullable=True, comment='who agreed or refused'),
    sa.Column('was', sa.String(length=16), nullable=False),
    sa.Column('becomes', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=24), nullable=False),
    sa.Column('at', sa.Double(), nullable=False, comment="by the database's clock"),
    sa.Column('until', sa.Double(), nullable=False, comment="by the database's clock"),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('known', sa.Integer(), nullable=False, comment='how many reasons and sets the proposer saw; they only ever grow'),
    sa.CheckConstraint("state in ('proposed','done','declined','void')", name='ck_band_changes_state'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('band_changes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_band_changes_ticket'), ['ticket'], unique=False)

    op.create_table('blocks',
    sa.Column('number', sa.String(length=64), nullable=False, comment="HMAC under the quarter's key (repeats.py)"),
    sa.Column('quarter', sa.String(length=8), nullable=False),
    sa.Column('reason', sa.String(length=24), nullable=False),
    sa.Column('staff', sa.String(length=32), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('number')
    )
    with op.batch_alter_table('blocks', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_blocks_quarter'), ['quarter'], unique=False)


def downgrade() -> None:
    for table in ('blocks', 'band_changes', 'invitations', 'presence'):
        op.drop_table(table)
