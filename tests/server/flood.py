"""Floods from a process of their own, so that they cost those who measure their effect no time.

    python -m tests.server.flood KIND PORT

Each is bounded in bytes and time, and says at its end how many bytes were taken and what closed the socket.
"""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import sys
import time

from tests.server.served import BINARY, PING, TEXT, close_code, frame, start

PATIENCE = 20.0  # seconds that the whole flood may take
SLICE = 0.02  # seconds between two portions of one that has a pace


def opened(port: int) -> socket.socket:
    """A WebSocket."""
    made = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    key = base64.b64encode(os.urandom(16)).decode()
    made.sendall(
        f"GET /api/v1/segmented HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    while not made.recv(4096).endswith(b"\r\n\r\n"):
        pass
    made.setblocking(False)
    return made


def pour(made: socket.socket, data: bytes, times: int, pace: float = 0.0) -> tuple[int, bytes]:
    """Send `data` so many times, one portion every `pace` seconds; how much was taken, and the last words."""
    until, due = time.monotonic() + PATIENCE, time.monotonic()
    taken, said, left = 0, b"", memoryview(data)
    while times and time.monotonic() < until:
        readable, writable, _ = select.select([made], [made], [], 0.1)
        try:
            if readable:
                came = made.recv(65_536)
                said = (said + came)[-512:]
                if not came:
                    break
            if writable:
                sent = made.send(left)
                taken += sent
                left = left[sent:]
        except BlockingIOError:
            continue
        except OSError:
            break
        if not left:
            times -= 1
            left = memoryview(data)
            due += pace
            time.sleep(max(0.0, due - time.monotonic()) if pace else 0.0)
    return taken, said


def pings(port: int) -> tuple[int, bytes]:
    """8 MB of empty pings, as fast as they go."""
    return pour(opened(port), frame(PING) * 10_000, 134)


def crumbs(port: int) -> tuple[int, bytes]:
    """2 bytes of sound in each frame, 0.3 MB a second, for 4 seconds."""
    made = opened(port)
    made.sendall(frame(TEXT, start().encode()))
    return pour(made, frame(BINARY, b"\1\0") * int(300_000 * SLICE / 8), int(4 / SLICE), SLICE)


def starts(port: int) -> tuple[int, bytes]:
    """4,000 requests to start."""
    return pour(opened(port), frame(TEXT, start().encode()) * 200, 20)


def chunks(port: int) -> tuple[int, bytes]:
    """A body in chunks of one byte."""
    made = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    made.sendall(
        b"POST /api/v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    made.setblocking(False)
    return pour(made, b"1\r\n \r\n" * 10_000, 40)


if __name__ == "__main__":
    kinds = {"pings": pings, "crumbs": crumbs, "starts": starts, "chunks": chunks}
    taken, said = kinds[sys.argv[1]](int(sys.argv[2]))
    print(json.dumps({"taken": taken, "code": close_code(said)}))
