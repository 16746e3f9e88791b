"""No network for the engine: tried from Python and from C, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ATTEMPTS = {
    "a Python TCP socket": "import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "a Python UDP socket": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "IPv6": "import socket; socket.socket(socket.AF_INET6, socket.SOCK_STREAM)",
    "netlink": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "a packet socket": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)",
    "socket(2) from C": "import ctypes, os; l = ctypes.CDLL(None, use_errno=True)\n"
    "if l.socket(2, 1, 0) < 0: raise PermissionError(ctypes.get_errno(), '')",
    "the bare system call": "import ctypes; l = ctypes.CDLL(None, use_errno=True)\n"
    "if l.syscall(41, 2, 1, 0) < 0: raise PermissionError(ctypes.get_errno(), '')",
    "io_uring": "import ctypes; l = ctypes.CDLL(None, use_errno=True)\n"
    "b = ctypes.create_string_buffer(256)\n"
    "if l.syscall(425, 1, b) < 0: raise PermissionError(ctypes.get_errno(), '')",
    "a child process": "import subprocess, sys; c = subprocess.run([sys.executable, '-c', 'import socket; socket.socket()'],"
    " capture_output=True)\nif b'PermissionError' in c.stderr: raise PermissionError(13, '')",
}


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_a_socket_is_refused(attempt: str) -> None:
    body = "".join(f"    {line}\n" for line in attempt.splitlines())
    done = run(f"from bot.sandbox import refuse_network\nrefuse_network()\ntry:\n{body}except PermissionError as e:\n"
               f"    print('refused', e.errno)\nelse:\n    print('opened')\n")
    assert done.stdout.split() == ["refused", "13"], done.stdout + done.stderr


def test_the_control_without_the_filter_a_socket_opens() -> None:
    done = run("import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM); print('opened')")
    assert done.stdout.strip() == "opened"


def test_a_unix_socket_still_opens() -> None:
    done = run("from bot.sandbox import refuse_network\nimport socket\nrefuse_network()\n"
               "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))")
    assert done.stdout.strip() == "b'x'", done.stderr
