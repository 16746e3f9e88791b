"""The command line behind ``./hams``: one module a command, each imports what it needs when it runs.

May import everything of ``api`` and ``safety``. Read ``main.py`` first.
"""
