"""Pages: the counsellors' console and the simulator. Server-rendered, strict CSP, nothing from another host.

May import the gateway's domain packages; nobody imports it but ``app.py``. Read ``console.py`` first.
"""
