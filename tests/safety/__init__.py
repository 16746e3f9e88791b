"""Tests of the safety gate, one file a module, and the sentences they are measured on.

May import ``safety`` and the shipped data in ``scripts/``; nothing outside loopback. Read ``test_exit.py`` first.
"""
