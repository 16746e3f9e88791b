"""Who has been told and answered, and who cannot talk now"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'acfda0e89c5c'
down_revision = '77500f03c607'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('tickets', schema=None) as batch_op:
        batch_op.add_column(sa.Column('introduced', sa.Boolean(), server_default=sa.false(), nullable=False, comment='told that a human reads along'))
        batch_op.add_column(sa.Column('answered_at', sa.Double(), nullable=True, comment="the owner's first message: the bot is silent from then on"))
        batch_op.add_column(sa.Column('not_now', sa.Boolean(), server_default=sa.false(), nullable=False, comment='said that they cannot talk now'))


def downgrade() -> None:
    with op.batch_alter_table('tickets', schema=None) as batch_op:
        batch_op.drop_column('not_now')
        batch_op.drop_column('answered_at')
        batch_op.drop_column('introduced')
