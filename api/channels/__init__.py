"""Where messages come in and go out: addresses, the provider, and a stand-in for it. Imports ``safety`` and ``api.database``.

Nothing here decides what is said. Read ``twilio/parse.py`` first: it shows what is kept of a message and what is dropped.
"""
