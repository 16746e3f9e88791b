"""People handed to people: the ticket, its queue, who owns it, and the live talk.

May import ``safety``, ``api.database``, ``api.audit``, ``api.staff``, ``api.scripts.desks`` and
``api.conversations.sealing``. Read ``tickets.py`` first.
"""
