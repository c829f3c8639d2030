"""What the sessions of the recognition server share."""

from __future__ import annotations

import asyncio
import os
import subprocess

from voicecli.config.serving import ServerSettings
from voicecli.providers.choose import choose_detector, choose_recognizer
from voicecli.server.shared_recognition import SharedRecognition


def children(process: int) -> set[int]:
    """Of a process, without the one that is asked."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(process)], capture_output=True, text=True
    )
    lines = [line.split(maxsplit=1) for line in listed.stdout.splitlines()]
    return {int(pid) for pid, command in lines if not command.startswith("ps ")}


def test_there_is_one_process_for_each_worker() -> None:
    """The bundled engine, which needs a process, recognises in the worker itself."""

    async def run() -> None:
        asr = await choose_recognizer("pocketsphinx")
        vad = await choose_detector("energy")
        before = children(os.getpid())
        settings = ServerSettings(workers=2)
        async with SharedRecognition(asr, vad, settings, domain="public <a> = go;") as shared:
            assert set(shared.workers.processes) == children(os.getpid()) - before
            assert len(shared.workers.processes) == 2
            assert not any(children(process) for process in shared.workers.processes)

    asyncio.run(run())
