"""Tests of ``api.channels``: real HTTP over loopback, judged by the provider's published document. Read ``payloads.py`` first."""
