"""What operators see: log lines, metrics, error reports. None of it can hold a message or an identity.

Read ``logs.py`` first: events and fields are allow-listed, everything else is dropped.
"""
