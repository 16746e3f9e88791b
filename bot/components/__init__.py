"""Rasa graph components: each one small, documented, tested alone.

In the order of config.yml: normaliser, reader (answers and digits), understanding (intent, flags, dialect and language on the
features of message_features), alarm (danger, and no intent where the models are not sure). danger_first is a policy.
"""
