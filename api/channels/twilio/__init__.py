"""Twilio: verify, parse, send, follow, erase (the facts are in ``docs`` and in each module's docstring). Imports ``safety``.

Read ``parse.py`` first, then ``client.py`` and ``erasure.py``.
"""
