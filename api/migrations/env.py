"""Run by Alembic: the connection comes from :func:`api.migrations.upgrade`, inside its transaction."""

from alembic import context

import api.audit.trail
import api.channels.twilio.erasure
import api.conversations.optouts
import api.conversations.owed
import api.conversations.safewords
import api.conversations.tombstones
import api.handoffs.alerts
import api.handoffs.bands
import api.handoffs.blocks
import api.handoffs.plan
import api.handoffs.presence
import api.handoffs.retention
import api.handoffs.safe_contacts
import api.handoffs.tables
import api.handoffs.wrapup
import api.staff.rotas
import api.staff.tables  # noqa: F401 - each module declares its tables on the metadata
from api.database import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
context.run_migrations()
