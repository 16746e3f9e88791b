"""Safe contacts, sealed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'a2c94e7d5f10'
down_revision = 'f1d07a93c6e8'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('safe_contacts',
    sa.Column('ticket', sa.String(length=32), nullable=False),
    sa.Column('contact', sa.LargeBinary(), nullable=False, comment='sealed; overwritten when it goes'),
    sa.PrimaryKeyConstraint('ticket', name=op.f('pk_safe_contacts'))
    )


def downgrade() -> None:
    op.drop_table('safe_contacts')
