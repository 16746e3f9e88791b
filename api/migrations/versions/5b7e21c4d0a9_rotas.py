"""Rotas, and the desk that is called besides"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '5b7e21c4d0a9'
down_revision = 'c91f4a7be230'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('staff_shifts',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('staff', sa.String(length=32), nullable=False),
    sa.Column('desk', sa.String(length=32), nullable=False),
    sa.Column('day', sa.Integer(), nullable=False, comment='0 is Sunday (weekly.DAYS)'),
    sa.Column('start_minute', sa.Integer(), nullable=False, comment="minutes since midnight by the desk's clock"),
    sa.Column('end_minute', sa.Integer(), nullable=False, comment='not above start: on the next day'),
    sa.CheckConstraint('day between 0 and 6', name='ck_staff_shifts_day'),
    sa.CheckConstraint('start_minute between 0 and 1439 and end_minute between 0 and 1440 and start_minute <> end_minute', name='ck_staff_shifts_minutes'),
    sa.ForeignKeyConstraint(['staff'], ['staff.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('staff_shifts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_staff_shifts_staff'), ['staff'], unique=False)

    op.create_table('staff_leave',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('staff', sa.String(length=32), nullable=False),
    sa.Column('begins_at', sa.Double(), nullable=False),
    sa.Column('ends_at', sa.Double(), nullable=False),
    sa.CheckConstraint('begins_at < ends_at', name='ck_staff_leave_length'),
    sa.ForeignKeyConstraint(['staff'], ['staff.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('staff_leave', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_staff_leave_staff'), ['staff'], unique=False)

    op.create_table('staff_competences',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('staff', sa.String(length=32), nullable=False),
    sa.Column('code', sa.String(length=16), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['staff'], ['staff.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('staff', 'code', name='uq_staff_competences')
    )
    with op.batch_alter_table('tickets', schema=None) as batch_op:
        batch_op.add_column(sa.Column('called_desk', sa.String(length=32), server_default='', nullable=False, comment="a desk that sees it besides; '' is none"))


def downgrade() -> None:
    with op.batch_alter_table('tickets', schema=None) as batch_op:
        batch_op.drop_column('called_desk')
    op.drop_table('staff_competences')
    op.drop_table('staff_leave')
    op.drop_table('staff_shifts')
