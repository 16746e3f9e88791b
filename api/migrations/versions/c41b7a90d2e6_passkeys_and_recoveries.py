"""Passkeys, recoveries that wait for a second person, one-time passwords that lapse"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'c41b7a90d2e6'
down_revision = '5b7e21c4d0a9'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('passkeys',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('staff', sa.String(length=32), nullable=False),
    sa.Column('credential', sa.LargeBinary(), nullable=False, comment="the authenticator's name for it"),
    sa.Column('public_key', sa.LargeBinary(), nullable=False, comment='COSE; nothing secret'),
    sa.Column('sign_count', sa.BigInteger(), nullable=False, comment='going back means a copy'),
    sa.Column('label', sa.String(length=16), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.Column('used_at', sa.Double(), nullable=True),
    sa.CheckConstraint("label in ('this_computer','phone','security_key')", name='ck_passkeys_label'),
    sa.ForeignKeyConstraint(['staff'], ['staff.id']),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_passkeys')),
    sa.UniqueConstraint('credential', name=op.f('uq_passkeys_credential'))
    )
    with op.batch_alter_table('passkeys', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_passkeys_staff'), ['staff'], unique=False)

    op.create_table('recoveries',
    sa.Column('staff', sa.String(length=32), nullable=False, comment='whose account'),
    sa.Column('opened_by', sa.String(length=32), nullable=False, comment="staff id, or 'system': at the machine itself"),
    sa.Column('opened_at', sa.Double(), nullable=False),
    sa.Column('expires_at', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['staff'], ['staff.id']),
    sa.PrimaryKeyConstraint('staff', name=op.f('pk_recoveries'))
    )
    with op.batch_alter_table('staff', schema=None) as batch_op:
        batch_op.add_column(sa.Column(
            'password_until', sa.Double(), nullable=True, comment='the password was shown to somebody else: good for one change'
        ))


def downgrade() -> None:
    with op.batch_alter_table('staff', schema=None) as batch_op:
        batch_op.drop_column('password_until')
    op.drop_table('recoveries')
    op.drop_table('passkeys')
