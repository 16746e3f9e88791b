"""The gateway: everything that touches the world. May import ``safety``, never ``bot`` or ``actions``.

Read ``inbound.py`` first: it is the one path every message walks.
"""
