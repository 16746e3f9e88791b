"""A recovered account enrols its authenticator at the first sign-in"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'f1d07a93c6e8'
down_revision = 'e8b31f60d7c2'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('staff', schema=None) as batch_op:
        batch_op.add_column(sa.Column('enrols', sa.Boolean(), server_default=sa.false(), nullable=False, comment='recovered: nobody has seen the TOTP secret yet'))


def downgrade() -> None:
    with op.batch_alter_table('staff', schema=None) as batch_op:
        batch_op.drop_column('enrols')
