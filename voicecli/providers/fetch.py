"""Model files: fetched once, resumed when interrupted, checked, and kept in the cache folder.

A file is written beside its place under a `.part` name, locked while somebody writes to it, so that two
processes share one download; it gets its name only when it is whole and its hash is right. A file
whose hash nobody states is not fetched, a link in its place not followed, and nothing comes but over https,
wherever a server sends us: who is on the way could change what is not encrypted.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import http.client
import ipaddress
import os
import shutil
import ssl
import stat
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, TypeAlias
from urllib.parse import urlsplit

from voicecli import __version__
from voicecli.errors import (
    Dropped,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    SaveError,
    TimedOut,
    Unavailable,
    VoiceError,
)
from voicecli.folders import cache_folder

__all__ = ["ModelFile", "Progress", "Reporter", "fetch", "model_folder"]

PIECE = 256 * 1024  # bytes read at a time
REPORT = 0.1  # seconds between two progress reports
STALL = 20.0  # seconds without a byte
ATTEMPTS = 5  # in a row without a new byte
PAUSE = 0.5  # seconds before the second attempt, doubled for each one more
REDIRECTS = 10
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that an engine needs, and where it is published."""

    url: str
    path: str  # below the model folder
    sha256: str = ""  # hexadecimal; empty where none is published
    git: str = ""  # of a small file, the hash by which its repository knows it (SHA-1, with git's header)
    listing: bool = False  # a list that states the hashes of others, and has none itself


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is."""

    name: str  # the file's path below the model folder
    done: int  # bytes
    total: int | None  # bytes; None when the server does not say


Reporter: TypeAlias = Callable[[Progress], None]


def model_folder() -> Path:
    """Where model files are kept; `VOICECLI_MODELS` moves it."""
    if moved := os.environ.get("VOICECLI_MODELS"):
        return Path(moved).expanduser()
    return cache_folder() / "models"


async def fetch(
    files: Sequence[ModelFile],
    report: Reporter | None = None,
    *,
    folder: Path | None = None,
    pause: float = PAUSE,
) -> list[Path]:
    """The paths of `files`, those that are not there yet downloaded; `report` is called on the event loop.

    Cancelling stops the download; what has come so far is kept, and the next call goes on from there.
    Raises NotFound, Refused, RateLimited, Unavailable, TimedOut, Dropped, SaveError.
    """
    loop = asyncio.get_running_loop()
    paths = []
    _refuse_unknown(files, folder or model_folder())

    def tell(progress: Progress) -> None:
        if report is not None and not loop.is_closed():
            loop.call_soon_threadsafe(report, progress)

    for file in files:
        path = (folder or model_folder()) / file.path
        paths.append(path)
        if path.exists():
            continue
        stop = threading.Event()
        download = _Download(file, path, tell, stop, pause)
        try:
            await asyncio.wrap_future(_started(download))
        finally:
            stop.set()
    return paths


def _refuse_unknown(files: Sequence[ModelFile], folder: Path) -> None:
    """Raise Refused for what is not there and could not be checked once it was."""
    known = (file.sha256 or file.git or file.listing or (folder / file.path).exists() for file in files)
    unknown = [file for file, checked in zip(files, known, strict=True) if not checked]
    if unknown:
        places = ", ".join(f"{file.url} as {folder / file.path}" for file in unknown)
        raise Refused(
            f"{unknown[0].path} is not fetched: its publisher states no hash by which it could be checked.",
            f"If you trust it, save {places}.",
        )


def _started(download: _Download) -> Future[None]:
    """Run in a daemon thread: leaving the program does not wait for a server that hangs."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            download.run()
        except VoiceError as exc:
            future.set_exception(exc)
        except BaseException as exc:
            future.set_exception(exc)
            raise  # a defect: show its traceback
        else:
            future.set_result(None)

    threading.Thread(target=run, name="fetch", daemon=True).start()
    return future


class _Interrupted(Exception):
    """The attempt ended early; `error` is what to raise when no more attempts are left."""

    def __init__(self, error: ProviderError) -> None:
        super().__init__(str(error))
        self.error = error


class _Download:
    """One file, from whatever is there of it to the whole."""

    def __init__(
        self,
        file: ModelFile,
        path: Path,
        tell: Callable[[Progress], None],
        stop: threading.Event,
        pause: float,
    ) -> None:
        self._file = file
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._validator = path.with_name(path.name + ".etag")  # which version the part is a part of
        self._tell = tell
        self._stop = stop
        self._pause = pause
        self._told = 0.0

    @property
    def _by_hand(self) -> str:
        return f"To install it by hand, save {self._file.url} as {self._path}."

    def run(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._lock()
            if part is None:
                return
            with part:
                self._complete(part)
                part.flush()
                os.fsync(part.fileno())
                self._part.replace(self._path)
                self._validator.unlink(missing_ok=True)
        except OSError as exc:
            raise self._unsaved(exc) from exc

    def _unsaved(self, exc: OSError) -> SaveError:
        if exc.errno in DISK_FULL:
            text = f"{self._file.path} does not fit into {self._path.parent}: {exc.strerror}."
            return SaveError(text, "Make room, or set VOICECLI_MODELS to a folder on another disk.")
        text = f"{self._path} cannot be written: {exc.strerror or exc}."
        return SaveError(text, "Set VOICECLI_MODELS to a folder that can be.")

    def _lock(self) -> BinaryIO | None:
        """The part, open and ours; None when another process has finished the file meanwhile."""
        while not self._stop.is_set():
            if self._path.exists():
                return None
            part = self._opened()
            try:
                fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._same(part):  # else whoever held it has given it its final name
                    return part
            except BlockingIOError:
                self._report(_size(part), None)
                self._stop.wait(0.2)
            part.close()
        return None

    def _opened(self) -> BinaryIO:
        """The part, made if it is not there. Raises SaveError where a link or no file is in its place."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        in_the_way = SaveError(f"{self._part} is no file of a download.", "See who put it there; remove it.")
        try:
            number = os.open(self._part, flags, 0o644)
        except OSError as exc:
            if exc.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                raise in_the_way from exc
            raise
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise in_the_way
        return os.fdopen(number, "ab+")

    def _same(self, part: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(part.fileno()), self._part.stat())
        except FileNotFoundError:
            return False

    def _complete(self, part: BinaryIO) -> None:
        """Try until the file is whole and right, or nothing comes any more."""
        failures = 0
        damaged = False
        while True:
            before = _size(part)
            try:
                self._attempt(part)
            except _Interrupted as exc:
                failures = 1 if _size(part) > before else failures + 1
                if failures >= ATTEMPTS:
                    raise exc.error from exc
                if self._stop.wait(self._pause * 2 ** (failures - 1)):
                    raise exc.error from exc
                continue
            wanted = self._file.sha256.lower() or self._file.git
            found = _hash(part) if self._file.sha256 else _git_hash(part)
            if not wanted or found == wanted:
                return
            self._restart(part)
            kind = "SHA-256" if self._file.sha256 else "hash"
            if damaged:
                raise Unavailable(
                    f"{self._file.url} is not the file it should be: its {kind} is {found}, not {wanted}.",
                    "Something on the way alters it, or voicecli is too old for it: upgrade voicecli.",
                )
            damaged = True

    def _attempt(self, part: BinaryIO) -> None:
        """One request. Raises _Interrupted where another one may help."""
        if not is_safe(self._file.url):
            raise _insecure(self._file.url)
        request = urllib.request.Request(self._file.url, headers=self._headers(part))
        try:
            with _opener().open(request, timeout=STALL) as response:
                self._receive(response, part)
        except urllib.error.HTTPError as exc:
            with exc:
                self._refused(exc, part)
        except urllib.error.URLError as exc:
            raise self._unreachable(exc.reason) from exc
        except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as exc:
            raise self._unreachable(exc) from exc

    def _headers(self, part: BinaryIO) -> dict[str, str]:
        headers = {"User-Agent": f"voicecli/{__version__}", "Accept-Encoding": "identity"}
        if not (size := _size(part)):
            return headers
        validator = self._read_validator()
        if validator:
            return headers | {"Range": f"bytes={size}-", "If-Range": validator}
        if self._file.sha256:  # the hash will tell whether the pieces belong together
            return headers | {"Range": f"bytes={size}-"}
        self._restart(part)
        return headers

    def _read_validator(self) -> str:
        try:
            with os.fdopen(os.open(self._validator, os.O_RDONLY | os.O_NOFOLLOW), encoding="latin-1") as file:
                return file.read(1024)
        except OSError:  # none was noted, or something else is in its place
            return ""

    def _note(self, validator: str) -> None:
        """Into a file of our own, whatever is in its place."""
        self._validator.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(self._validator, flags, 0o644), "w", encoding="latin-1") as file:
            file.write(validator)

    def _restart(self, part: BinaryIO) -> None:
        part.truncate(0)
        self._validator.unlink(missing_ok=True)

    def _receive(self, response: http.client.HTTPResponse, part: BinaryIO) -> None:
        if response.status == http.HTTPStatus.PARTIAL_CONTENT:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {_size(part)}-"):
                self._restart(part)
                raise _Interrupted(
                    Unavailable(f"{self._file.url} answers with the wrong part.", self._by_hand)
                )
        else:
            self._restart(part)
        tag = response.headers.get("ETag", "")
        validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
        if validator:
            self._note(validator)
        done = _size(part)
        length = response.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else None
        if total is not None and shutil.disk_usage(self._path.parent).free < total - done:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._report(done, total, always=True)
        while piece := self._read(response):
            part.write(piece)
            part.flush()
            done += len(piece)
            self._report(done, total)
            if self._stop.is_set():
                raise _Interrupted(Dropped(f"The download of {self._file.path} was stopped."))
        if total is not None and done < total:
            raise _Interrupted(
                Dropped(f"{self._file.url} broke off at {done} of {total} bytes.", self._again)
            )
        self._report(done, done, always=True)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.read1(PIECE)
        except TimeoutError as exc:
            text = f"{self._file.url}: nothing came for {STALL:g} seconds."
            raise _Interrupted(TimedOut(text, self._again)) from exc
        except (http.client.HTTPException, OSError) as exc:
            raise _Interrupted(Dropped(f"{self._file.url} broke off: {exc}.", self._again)) from exc

    @property
    def _again(self) -> str:
        return f"What has come is kept: try again to go on from there. {self._by_hand}"

    def _refused(self, exc: urllib.error.HTTPError, part: BinaryIO) -> None:
        """Turn an error status into ours."""
        what = f"{self._file.url} answers {exc.code} {exc.reason}."
        if exc.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if exc.headers.get("Content-Range") == f"bytes */{_size(part)}":
                return  # the part is the whole already
            self._restart(part)
            raise _Interrupted(Unavailable(what, self._by_hand)) from exc
        if exc.code in (401, 403):
            raise Refused(what, self._by_hand) from exc
        if exc.code in (404, 410):
            raise NotFound(what, self._by_hand) from exc
        if exc.code == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise _Interrupted(RateLimited(what, self._by_hand)) from exc
        if exc.code >= 500 or exc.code == http.HTTPStatus.REQUEST_TIMEOUT:
            raise _Interrupted(Unavailable(what, self._by_hand)) from exc
        raise Unavailable(what, self._by_hand) from exc

    def _unreachable(self, reason: object) -> _Interrupted | ProviderError:
        if isinstance(reason, FileNotFoundError):  # a mirror on this machine, file://
            return NotFound(f"{self._file.url} does not exist.", self._by_hand)
        host = self._file.url.split("/")[2]
        if isinstance(reason, ssl.SSLCertVerificationError):
            return Unavailable(
                f"{host} has a certificate that this system does not trust: {reason.verify_message}.",
                f"Set SSL_CERT_FILE to the certificates of your network. {self._by_hand}",
            )
        why = reason.strerror if isinstance(reason, OSError) and reason.strerror else reason
        text = f"{self._file.path} has to be downloaded, and {host} is not reachable: {why}."
        return _Interrupted(Unavailable(text, f"Connect to the network and try again. {self._by_hand}"))

    def _report(self, done: int, total: int | None, *, always: bool = False) -> None:
        now = time.monotonic()
        if always or now - self._told >= REPORT:
            self._told = now
            self._tell(Progress(self._file.path, done, total))


def is_safe(url: str) -> bool:
    """Whether nobody on the way can change what is fetched from there."""
    parts = urlsplit(url)
    if parts.scheme in ("https", "file"):
        return True
    host = parts.hostname or ""
    with contextlib.suppress(ValueError):
        return parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
    return parts.scheme == "http" and host == "localhost"


def _insecure(url: str) -> Refused:
    parts = urlsplit(url)
    return Refused(
        f"{parts.hostname or url} would be asked over {parts.scheme or 'nothing'}, where anybody on the way "
        "could change the file: nothing was fetched.",
        "Name an address that begins with https://, or fetch the file by hand.",
    )


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Goes where it is sent, if that is safe as well: not from https to http, nor from a server to a file."""

    max_redirections = REDIRECTS

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        down = urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https"
        if down or urlsplit(newurl).scheme == "file" or not is_safe(newurl):
            fp.close()
            raise _insecure(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_SafeRedirects())


def _size(part: BinaryIO) -> int:
    return part.seek(0, os.SEEK_END)


def _hash(part: BinaryIO) -> str:
    part.seek(0)
    digest = hashlib.sha256()
    while piece := part.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def _git_hash(part: BinaryIO) -> str:
    digest = hashlib.sha1(f"blob {_size(part)}\0".encode(), usedforsecurity=False)
    part.seek(0)
    while piece := part.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
