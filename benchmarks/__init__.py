"""Measurements: load, understanding, memory. Ratios against a named peer in the same run; nothing is asserted.

May import everything. Read ``load.py`` first.
"""
