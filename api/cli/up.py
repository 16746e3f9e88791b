"""``./hams up``: look that all is well, train if need be, then become the supervisor."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.say import ROOT, Failure, become

if TYPE_CHECKING:
    from api.settings import Settings


def up(
    port: Annotated[int | None, typer.Option(metavar="PORT", help="The port to listen on (default 8080, or HAMS_PORT).")] = None,
    production: Annotated[
        bool, typer.Option("--production", help="Refuse anything unsafe; no simulator, demo staff or movable clock.")
    ] = False,
) -> None:
    """Start everything, say when it is ready, keep it running until Ctrl-C.

    With no settings it runs in demo mode: a simulated phone, a console, and staff whose sign-in is printed.
    """
    from api.cli.model import ensure_model
    from api.cli.stores import refuse_stores_that_do_not_answer
    from api.settings import load_settings
    from api.supervisor import CannotStart, bind, harden_this_process, only_one

    environ = dict(os.environ)
    if port is not None:
        environ["HAMS_PORT"] = str(port)
    if production:
        environ["HAMS_MODE"] = "production"
    harden_this_process()
    settings = load_settings(environ, ROOT)
    if settings.production:
        _refuse_if_unsafe(settings)
    try:
        # said before a training that would be for nothing
        with only_one(settings.run):
            bind(settings.host, settings.port).close()
            refuse_stores_that_do_not_answer(settings)
    except CannotStart as problem:
        raise Failure(str(problem)) from None
    model = ensure_model(settings.var)
    # A program of its own: this one has loaded what a process that stays for months need not carry.
    become([sys.executable, "-m", "api.supervisor", str(model)], environ)


def _refuse_if_unsafe(settings: Settings) -> None:
    from api import hardening

    wrong = hardening.refusals(hardening.before_start(settings, datetime.now(UTC).date()))
    if wrong:
        first = wrong[0]
        more = f"; and {len(wrong) - 1} more, see ./hams doctor" if len(wrong) > 1 else ""
        raise Failure(f"production refused: {first.what} {first.says}{more}")
