"""`voicecli connect`: a real process against a real server."""

import re
import signal
import socket as sockets
import subprocess
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection

from tests.cli.program import Program, await_event
from tests.server.recognition_server import Handler, Heard, running_server, say, understand
from voicecli.audio.recording import export_recording
from voicecli.cli.app import app
from voicecli.errors import UsageError
from voicecli.wire.riff import WavLayout, riff_header

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def recording(folder: Path, *, channels: int = 1, rate: int = 16_000, seconds: float = 0.5) -> Path:
    """A WAV of noise whose length is no multiple of any chunk."""
    frames = round(seconds * rate) + 1
    noise = np.random.default_rng(1).integers(-999, 999, frames * channels).astype("<i2").tobytes()
    path = folder / "in.wav"
    path.write_bytes(riff_header(WavLayout("integer", 16, channels, rate), len(noise)) + noise)
    return path


def test_segments_are_printed(program: Program, tmp_path: Path) -> None:
    path = recording(tmp_path)
    with running_server() as server:
        end = program.run("connect", "-i", path, "--addr", server.address, "--chunk-size", 257)
    assert (end.status, end.errors) == (0, "")
    assert end.text == "    0.00     0.50  16002 bytes\n"
    heard = server.heard[0]
    assert heard.path == "/api/v1/segmented"
    assert heard.audio == path.read_bytes()[44:]
    assert set(heard.messages[:-1]) == {256}
    assert heard.messages[-1] == 16_002 % 256
    assert heard.requests[-1] == {"request": "stop", "disconnect": True}
    assert heard.code == 1000


def test_events_as_json(program: Program, tmp_path: Path) -> None:
    path = recording(tmp_path, channels=2)
    words = ["--path", "simple", "--interim-results", "--trace-id", TRACE, "--json"]
    program.env["VOICECLI_TOKEN"] = "secret"
    with running_server() as server:
        end = program.run("connect", "-i", path, "--addr", server.address, *words)
    assert end.status == 0
    kinds = [event["event"] for event in end.events()]
    assert kinds == ["ready", "active", *["segment"] * 4, "inactive", "segment", "segment", "summary"]
    assert end.event("ready")["format"] == {
        "channels": 2, "sample_rate": 16_000, "bit_depth": 16, "is_float": False,
    }  # fmt: skip
    assert [event["channel"] for event in end.events("segment")][-2:] == [0, 1]
    assert end.event("summary") == {"event": "summary", "audio": 0.500062, "segments": 2, "errors": 0}
    heard = server.heard[0]
    assert heard.path == "/api/v1/simple"
    assert heard.headers["authorization"] == "Bearer secret"
    assert heard.headers["traceparent"] == TRACE
    assert heard.requests[0]["trace_id"] == TRACE


def test_channels_and_interims_are_marked(program: Program, tmp_path: Path) -> None:
    path = recording(tmp_path, channels=2, seconds=0.2)
    with running_server() as server:
        end = program.run("connect", "-i", path, "--addr", server.address, "--interim-results")
    assert end.text.splitlines() == [
        "    0.00     1.00  [0] 8000 …",
        "    0.00     0.20  [0] 12804 bytes",
        "    0.00     0.20  [1] 12804 bytes",
    ]


@pytest.mark.parametrize("channels", [1, 2])
def test_real_time_takes_as_long_as_the_sound(program: Program, tmp_path: Path, channels: int) -> None:
    path = recording(tmp_path, channels=channels, rate=8000, seconds=0.6)
    with running_server() as server:
        size = str(1600 * channels)  # a tenth of a second
        end = program.run(
            "connect", "-i", path, "--addr", server.address, "--real-time", "--chunk-size", size
        )
    assert end.status == 0
    times = server.heard[0].times
    assert len(times) == 7
    assert times[-1] - times[0] >= 0.45  # the first comes after its own tenth


def test_sound_from_a_pipe(program: Program) -> None:
    with running_server() as server:
        end = program.run("connect", "-i", "-", "--addr", server.address, stdin=bytes(10_001))
    assert (end.status, end.text) == (0, "    0.00     0.31  10000 bytes\n")


async def _complaining(socket: ServerConnection, heard: Heard) -> None:
    await say(socket, type="error", message="The model is tired.", channel=0)
    await understand(socket, heard)


async def _closing(socket: ServerConnection, heard: Heard) -> None:
    await socket.recv()
    await say(socket, type="segment", start_time=0, end_time=1, text="so far", channel=0)
    await socket.close(1013, "Full.")


async def _breaking(socket: ServerConnection, heard: Heard) -> None:
    await socket.recv()
    socket.transport.abort()


def test_an_error_of_the_server_fails_at_the_end(program: Program, tmp_path: Path) -> None:
    with running_server(_complaining) as server:
        end = program.run("connect", "-i", recording(tmp_path), "--addr", server.address)
        assert (end.status, end.text) == (1, "    0.00     0.50  16002 bytes\n")
        assert end.errors == "error  The model is tired.\n"
        end = program.run("connect", "-i", recording(tmp_path), "--addr", server.address, "--json")
        assert (end.status, end.event("summary")["errors"]) == (1, 1)
        assert end.event("error") == {"event": "error", "message": "The model is tired.", "channel": 0}


@pytest.mark.parametrize(("handler", "said"), [(_closing, "Full."), (_breaking, "broke the connection")])
def test_a_lost_connection_fails(program: Program, tmp_path: Path, handler: Handler, said: str) -> None:
    path = recording(tmp_path, seconds=2)
    with running_server(handler) as server:
        program.run("connect", "-i", path, "--addr", server.address).refuses(4, said)
        end = program.run("connect", "-i", path, "--addr", server.address, "--json")
    assert end.status == 4
    assert said in end.events("error")[-1]["message"]


def test_a_refusal_fails(program: Program, tmp_path: Path) -> None:
    path = recording(tmp_path)
    with running_server(refuse=(401, {}, "Say who you are.")) as server:
        program.run("connect", "-i", path, "--addr", server.address).refuses(
            4, "Say who you are.", "--token-env"
        )
    with sockets.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        program.run("connect", "-i", path, "--addr", address).refuses(
            4, "cannot be reached", "voicecli serve"
        )


def test_broken_sound_still_has_its_transcript(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "in.flac"
    export_recording(path, np.random.default_rng(1).normal(0, 0.1, 160_000).astype(np.float32), 16_000)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = b"\x55" * (len(data) - len(data) // 2)
    path.write_bytes(data)
    with running_server() as server:
        end = program.run("connect", "-i", path, "--addr", server.address)
    assert "bytes" in end.text
    assert server.heard[0].requests[-1]["request"] == "stop"


def test_interrupt_closes_the_socket(program: Program) -> None:
    with running_server() as server:
        words = ["connect", "-i", "-", "--addr", server.address, "--json"]
        with program.start(*words, stdin=subprocess.PIPE) as process:
            process.stdin.write(bytes(8192))
            await_event(process, lambda event: event["event"] == "active")
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == b""
    assert process.returncode == 130
    assert server.heard[0].code == 1000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Give one of -i FILE"),
        ("-i x.wav --mic y", "Give one of -i FILE"),
        ("--text x", "--frames"),
        ("-i x.wav --speaker null", "--frames"),
        ("-i x.wav --frames --real-time", "--frames"),
        ("-i x.wav --addr ftp://x", "ftp://x"),
        ("-i x.wav --addr ws://x/ws --path simple", "already has a path"),
        ("-i x.wav --token-env NO_SUCH", "NO_SUCH is not set"),
        ("-i none.wav", "no file none.wav"),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, said: str) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=re.escape(said)):
        app(args=["connect", *words.split()], standalone_mode=False)
