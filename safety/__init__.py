"""The part to certify: folding, exit, danger, answers, screening rules.

Pure functions over data that comes in parsed: no I/O, no clock, no randomness, standard library only
(both environments run it). Imports nothing of ours. Read ``exit.py`` first.
"""
