"""No network for the engine, enforced by the kernel.

A seccomp filter refuses every socket but AF_UNIX, for C code as for Python (rasa.md, "Traps": a patched Python
socket would not). io_uring is refused too: it can open sockets behind a filter's back. The filter is loaded once,
cannot be taken off and is inherited by children.
"""

from __future__ import annotations

import errno
import socket

import pyseccomp as seccomp


class SandboxFailed(RuntimeError):
    """The kernel did not take the filter; the engine must not run without it."""


def refuse_network() -> None:
    """Load the filter into this process.

    Raises:
        SandboxFailed: the kernel refused, or a socket could still be opened afterwards.
    """
    try:
        rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
        refused = seccomp.ERRNO(errno.EACCES)
        for call in ("socket", "socketpair"):
            rules.add_rule(refused, call, seccomp.Arg(0, seccomp.NE, socket.AF_UNIX))
        for call in ("io_uring_setup", "io_uring_enter", "io_uring_register"):
            rules.add_rule(refused, call)
        rules.load()
    except (OSError, RuntimeError, ValueError) as error:
        raise SandboxFailed(type(error).__name__) from None
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    except PermissionError:
        return
    raise SandboxFailed("an internet socket could still be opened")
