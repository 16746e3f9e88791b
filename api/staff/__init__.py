"""The staff: accounts, how they sign in, their sessions and roles.

May import ``api.database``, ``api.audit``, ``api.conversations.sealing``, ``api.weekly`` and ``api.scripts.desks``. Read ``signin.py`` first.
"""
