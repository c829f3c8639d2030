"""The program in real processes that need not read it from disk first: each is a fork of one that has.

A process of its own takes most of a second to import everything, which hundreds of tests would wait for. What
is forked has imported and done nothing else: its words, environment, folder, standard streams, signals and
process id are its own, and it is a child of the test as any other process.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import voicecli

_LARGEST = 1 << 20  # bytes of a command with its environment
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>
_STANDARD = (0, 1, 2)


class Preloaded(subprocess.Popen[bytes]):
    """`Popen` of `python -m voicecli`, of which only the words, streams, folder and environment are taken."""

    def _execute_child(  # type: ignore[override]  # the place where Popen makes a process of what it prepared
        self,
        args: list[str],
        executable: object,
        preexec_fn: object,
        close_fds: bool,
        pass_fds: object,
        cwd: object,
        env: Mapping[str, str],
        startupinfo: object,
        creationflags: int,
        shell: bool,
        *pipes_and_rest: Any,
    ) -> None:
        pipes = pipes_and_rest[:6]
        p2cread, _, _, c2pwrite, _, errwrite = pipes
        try:
            request = json.dumps({"words": args, "cwd": os.fspath(cwd), "env": dict(env)})
            given = (p2cread, c2pwrite, errwrite)
            self.pid = _forked(request, tuple(n if a < 0 else a for n, a in enumerate(given)))
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)


def _forked(request: str, standard: tuple[int, ...]) -> int:
    asking = _parent(os.getpid())
    # Whoever makes it ends at once, and leaves it to the nearest that will take it: this process.
    _adopt(True)
    try:
        socket.send_fds(asking, [request.encode()], standard)
        return int(asking.recv(32))
    finally:
        _adopt(False)


def _adopt(wanted: bool) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, int(wanted), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@functools.cache
def _parent(_: int) -> socket.socket:
    """A connection to the process that has imported everything; it ends with the last connection to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.preloaded", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # what forks has one thread
        )

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours


def _serve(asked: socket.socket) -> None:
    while True:
        request, standard, _, _ = socket.recv_fds(asked, _LARGEST, len(_STANDARD))
        if not request:
            return
        told, telling = os.pipe()
        if (between := os.fork()) == 0:
            if child := os.fork():
                os.write(telling, str(child).encode())
                os._exit(0)
            for number in (asked.fileno(), told, telling):
                os.close(number)
            _become(json.loads(request), standard)
        os.waitpid(between, 0)
        asked.send(os.read(told, 32))
        os.close(told)
        os.close(telling)
        for number in standard:
            os.close(number)


def _become(request: dict[str, Any], standard: list[int]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, target in zip(standard, _STANDARD, strict=True):
        os.dup2(number, target)
        os.close(number)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = (
        open(number, "w" if number else "r", closefd=False)  # noqa: SIM115
        for number in _STANDARD
    )
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["voicecli", *request["words"]]
    runpy.run_module("voicecli", run_name="__main__", alter_sys=True)
    sys.exit()  # and ends as any Python does


def _import_all() -> None:
    for library in ("av", "openai", "soxr"):
        importlib.import_module(library)
    for module in pkgutil.walk_packages(voicecli.__path__, "voicecli."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that of a terminal is for the suite
    _import_all()
    _serve(socket.socket(fileno=int(sys.argv[1])))
