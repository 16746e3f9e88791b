"""A provider of our own with Twilio's wire format, for demo mode and tests: its own process, in memory only. Imports ``safety``.

Read ``app.py`` first; ``store.py`` holds what it remembers. Never part of a production start.
"""
