"""A hub on this machine: a few repositories over HTTP, as Hugging Face answers."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


def git_hash(data: bytes) -> str:
    """The hash by which git knows a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def listed(path: str, data: bytes, *, large: bool = False) -> dict[str, Any]:
    """Its entry; of a large file git knows a pointer, and the entry has the hash of the file itself."""
    entry = {"type": "file", "path": path, "size": len(data), "oid": git_hash(b"pointer" if large else data)}
    lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry | ({"lfs": lfs} if large else {})


@contextlib.contextmanager
def hub(repository: str, files: Mapping[str, bytes], altered: bytes | None = None) -> Iterator[list[str]]:
    """Serve `files` of `repository`, those that end in .bin or .onnx as large ones; gives what was asked for.

    `altered` is what comes instead of the content of large ones. `HF_ENDPOINT` is the caller's to set: the
    address is the first thing in the list.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(self.path)
            path = unquote(self.path.partition("?")[0])
            tree, resolve = f"/api/models/{repository}/tree/main", f"/{repository}/resolve/main/"
            if path.startswith(tree):
                below = path.removeprefix(tree).lstrip("/")
                inside = {name: data for name, data in files.items() if name.rpartition("/")[0] == below}
                entries = [listed(name, data, large=is_large(name)) for name, data in inside.items()]
                self.answer(200 if entries else 404, json.dumps(entries or {}).encode())
            elif path.startswith(resolve) and (name := path.removeprefix(resolve)) in files:
                self.answer(200, altered if altered is not None and is_large(name) else files[name])
            else:
                self.answer(404, b"{}")

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status == 404:
                self.send_header(
                    "X-Error-Code", "EntryNotFound" if repository in self.path else "RepoNotFound"
                )
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    asked.append(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


CODES = ("RepoNotFound", "EntryNotFound")


def is_large(name: str) -> bool:
    return name.endswith((".bin", ".onnx"))
