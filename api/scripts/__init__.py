"""Script releases: what the bot says, asks and tells, read from YAML, checked, and rendered for one person.

May import ``safety`` and PyYAML; knows no network, store, setting or clock (the date comes in). Read ``release.py`` first.
"""
