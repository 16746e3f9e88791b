"""Proof, not promise (threats.md): unique words through every field and error path, then a search of everything kept.

``canaries.py`` makes the words and searches; each search is shown to work by a control planted in the same place.
"""
