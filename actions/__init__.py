"""Rasa custom actions: the opening, the question loop, handoffs, the menu.

They turn what was understood into response names and commands; they write no words and touch no store.
May import ``safety`` and rasa_sdk, never ``api`` or ``bot``. Read ``agenda.py`` first: it decides what comes next.
"""
