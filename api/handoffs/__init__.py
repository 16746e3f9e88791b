"""People handed to people: the ticket, its queue, who owns it, and the live talk.

May import ``safety``, ``api.database``, ``api.audit``, ``api.staff``, ``api.scripts`` and ``api.conversations``' keys and
sealing. Read ``tickets.py`` first.
"""
