"""The audit trail: who of the staff did what to which ticket, in rows that cannot be edited unnoticed.

May import ``api.database``. Read ``trail.py``: it is all there is.
"""
