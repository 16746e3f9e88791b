"""Twilio: verify a webhook, parse it, send, follow what became of it, erase. Imports ``safety``, ``api.database``, ``..address``.

Read ``parse.py`` first, then ``client.py`` and ``erasure.py``.
"""
