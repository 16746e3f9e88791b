"""``./hams chat``: hands over to ``api/cli/chat.py``, which is imported only then."""

from __future__ import annotations

import typer

from api.cli.say import not_yet


def chat(context: typer.Context) -> None:
    """The conversation in the terminal (--country JO --channel whatsapp --from +9627…), also with lines piped in."""
    from api.hardening import borrow

    run = borrow("api.cli.chat", "run")
    if run is None:
        not_yet("the conversation in the terminal")
    raise typer.Exit(int(run(list(context.args)) or 0))
