"""The list of commands, and the one place where a failure becomes a line and an exit status.

A traceback may hold what somebody wrote, so none is ever printed: the type of the error and where it came from
are enough to find it.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import typer

from api.cli import audit, bench, chat_hook, check, doctor, keys, practice, staff, test, train, understand, up
from api.cli.say import ROOT, Failure, complain

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(
    name="hams", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="Hams: a helpline by text message.",
)  # fmt: skip
app.command("up")(up.up)
app.command("practice")(practice.practice)
app.command("test", context_settings={**PASS_ON, "help_option_names": ["--help"]})(test.test)
app.command("chat", context_settings={**PASS_ON, "help_option_names": []})(chat_hook.chat)
app.command("understand")(understand.understand)
app.command("train")(train.train)
app.command("check")(check.check)
app.command("doctor")(doctor.doctor)
app.add_typer(audit.app, name="audit")
app.command("bench", context_settings={**PASS_ON, "help_option_names": []})(bench.bench)
app.add_typer(staff.app, name="staff")
app.add_typer(keys.app, name="keys")


def run() -> None:
    """Run the command in ``sys.argv`` and exit with its status."""
    from api.settings import SettingsError

    os.umask(0o077)  # whatever a command writes is for its owner
    try:
        sys.exit(app(prog_name="hams", standalone_mode=False) or 0)
    except Failure as failure:
        complain(str(failure))
        sys.exit(failure.status)
    except SettingsError as error:
        complain(str(error))
        sys.exit(1)
    except typer.TyperException as misuse:
        said = getattr(misuse, "format_message", lambda: "not understood")()
        complain(f"{said.rstrip('.')} (--help says more)")
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read has gone: nothing more to say at exit either
        sys.exit(141)
    except Exception as error:  # the last stop: whatever it is, its text is not shown
        complain(f"failed by a mistake in the program ({type(error).__name__}, {_place(error)})")
        sys.exit(70)


def _place(error: Exception) -> str:
    """The file and line of ours in which it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(ROOT / "api")]
    frame = (ours or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
