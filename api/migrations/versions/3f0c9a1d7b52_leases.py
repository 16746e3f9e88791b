"""A lease for who owns a ticket, and a place on top for who lost their counsellor"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '3f0c9a1d7b52'
down_revision = 'acfda0e89c5c'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('tickets', schema=None) as batch_op:
        batch_op.add_column(sa.Column('lease_until', sa.Double(), nullable=True, comment="the owner's console answered; by the database's clock (leases.py)"))
        batch_op.add_column(sa.Column('again', sa.Boolean(), server_default=sa.false(), nullable=False, comment="was somebody's before: waits on top of the band"))
    # who owns one now keeps it if their console is open when the gateway is up again
    op.execute(sa.text("update tickets set lease_until = 0 where owner is not null and state in ('claimed', 'left')"))


def downgrade() -> None:
    with op.batch_alter_table('tickets', schema=None) as batch_op:
        batch_op.drop_column('again')
        batch_op.drop_column('lease_until')
