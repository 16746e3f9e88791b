"""Whole conversations over real processes: Redis, engine, gateway, the provider's stand-in, and a counsellor.

Journeys are data (``*.yml`` beside this file) with a short runner; ``stack.py`` starts and breaks the processes.
"""
