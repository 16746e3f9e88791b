"""Conversations while they last: sealed state, the turn lock, exits and their tombstones, owed answers, safe words.

May import ``api.database`` and third-party storage and crypto libraries, nothing else of ours.
Read ``store.py`` first.
"""
