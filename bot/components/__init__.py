"""Rasa graph components: each one small, documented, tested alone.

In the order of config.yml: normaliser, reader (answers and digits), language, intents, flags, alarm, not_sure.
"""
