"""The staff: accounts, how they sign in, their sessions and roles.

May import ``api.database``, ``api.audit`` and ``api.conversations.sealing``. Read ``signin.py`` first.
"""
