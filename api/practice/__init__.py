"""Practice: made-up people for a new counsellor, in a world of its own.

May import everything of ``api`` and ``safety``; nothing of the live service imports it but the wiring. Read ``world.py`` first.
"""
