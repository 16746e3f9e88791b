"""The engine: (state, text, facts) -> (state', replies, commands), around Rasa's embedded Agent.

No network, no secrets, no store, no log of text. May import ``actions``, ``safety``, rasa, camel_tools; never
``api``. Read ``engine.py`` first.
"""
