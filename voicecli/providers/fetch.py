"""Model files: fetched once, resumed when interrupted, checked, and kept in the cache folder.

What comes is written into a folder `.part` beside its place, locked so that two processes share one download;
it gets its place only when it is whole and its hash is right. A file whose hash nobody states is not fetched,
and a link in its place not followed.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from voicecli.errors import NotFound, Refused, SaveError, Unavailable, VoiceError
from voicecli.folders import cache_folder
from voicecli.providers.hub import Tell, download, entries, hub_url

__all__ = [
    "ModelFile", "Progress", "Reporter", "fetch", "fetch_from_hub", "fetched_from_hub", "model_folder",
]  # fmt: skip

T = TypeVar("T")

LISTING = "files.json"  # of a model's repository, kept so that a model that is here needs no network

REPORT = 0.1  # seconds between two progress reports
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that an engine needs, and where it is published."""

    url: str
    path: str  # below the model folder
    sha256: str = ""  # hexadecimal; empty where none is published
    git: str = ""  # of a small file, the hash by which its repository knows it (SHA-1, with git's header)


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
    files: Sequence[ModelFile], report: Reporter | None = None, *, folder: Path | None = None
) -> list[Path]:
    """The paths of `files`, those that are not there yet downloaded; `report` is called on the event loop.

    Cancelling stops the download; what has come so far is kept, and the next call goes on from there.
    Raises LibraryMissing, NotFound, Refused, RateLimited, Unavailable, TimedOut, Dropped, SaveError.
    """
    folder = folder or model_folder()
    paths = [folder / file.path for file in files]
    lacking = [(file, path) for file, path in zip(files, paths, strict=True) if not path.exists()]
    unknown = [(file, path) for file, path in lacking if not (file.sha256 or file.git)]
    if unknown:
        name = unknown[0][0].path
        raise Refused(
            f"{name} is not fetched: its publisher states no hash by which it could be checked.",
            f"If you trust it, save {', '.join(f'{file.url} as {path}' for file, path in unknown)}.",
        )
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    told = 0.0

    def tell(progress: Progress) -> None:
        nonlocal told
        if stop.is_set():
            raise _Abandoned
        now = time.monotonic()
        if report is not None and (now - told >= REPORT or progress.done in (0, progress.total)):
            told = now
            loop.call_soon_threadsafe(report, progress)

    try:
        for file, path in lacking:
            await _in_thread(lambda file=file, path=path: _bring(file, path, tell))  # type: ignore[misc]
    finally:
        stop.set()
    return paths


async def fetch_from_hub(
    repository: str, below: str, into: str, wanted: Callable[[str], bool], report: Reporter | None = None
) -> Path:
    """The folder with those files of `repository`, in its folder `below`, whose names are `wanted`.

    `into` names the folder, under the model folder. Raises as `fetch` does.
    """
    folder = model_folder() / into
    if not fetched_from_hub(into, wanted):
        listed = await _in_thread(lambda: entries(repository, below))
        files = [
            ModelFile(hub_url(repository, entry.path), f"{into}/{_last(entry.path)}", entry.sha256, entry.git)
            for entry in listed
            if wanted(_last(entry.path))
        ]
        if not files:
            raise NotFound(f"{repository} has none of the files that are needed.")
        await fetch(files, report)
        names = [{"path": entry.path} for entry in listed]
        (folder / LISTING).write_text(json.dumps(names, indent=1), encoding="utf-8")
    return folder


def fetched_from_hub(into: str, wanted: Callable[[str], bool]) -> bool:
    """Whether `fetch_from_hub` would need no network."""
    folder = model_folder() / into
    try:
        listed: Any = json.loads((folder / LISTING).read_bytes())
        names = [name for entry in listed if wanted(name := _last(entry["path"]))]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(names) and all((folder / name).exists() for name in names)


class _Abandoned(Exception):
    """Nobody waits for the download any more."""


async def _in_thread(work: Callable[[], T]) -> T:
    """Run in a daemon thread: leaving the program does not wait for a server that hangs."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as exc:
            future.set_exception(exc)
            if not isinstance(exc, VoiceError | _Abandoned):
                raise  # a defect: show its traceback

    threading.Thread(target=run, name="fetch", daemon=True).start()
    return await asyncio.wrap_future(future)


def _bring(file: ModelFile, path: Path, tell: Callable[[Progress], None]) -> None:
    """Download a file, unless somebody else has just done so."""

    fits = False  # whether there is known to be room for it

    def tell_bytes(done: int, total: int | None) -> None:
        nonlocal fits
        if total is not None and not fits:
            fits = shutil.disk_usage(path.parent).free >= total - done
            if not fits:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        tell(Progress(file.path, done, total))

    by_hand = f"To install it by hand, save {file.url} as {path}."
    wanted = (file.sha256 or file.git).lower()
    part = path.parent / ".part" / path.name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(part.parent, tell_bytes):
            for _ in range(2):  # what was there may have been part of something else
                if path.exists():
                    return
                download(file.url, part, file.path, by_hand, tell_bytes)
                if (found := _hash(part, git=not file.sha256)) == wanted:
                    part.replace(path)
                    return
                part.unlink()
    except OSError as exc:
        odd = part.parent.is_symlink() or part.is_symlink() or (part.exists() and not part.is_file())
        if odd:
            text = f"{part} is no file of a download."
            raise SaveError(text, "See who put it there; remove it.") from exc
        if exc.errno in DISK_FULL:
            text = f"{file.path} does not fit into {path.parent}: {exc.strerror}."
            raise SaveError(text, "Make room, or set VOICECLI_MODELS to a folder on another disk.") from exc
        text = f"{path} cannot be written: {exc.strerror or exc}."
        raise SaveError(text, "Set VOICECLI_MODELS to a folder that can be.") from exc
    raise Unavailable(
        f"{file.url} is not the file it should be: its {'SHA-256' if file.sha256 else 'hash'} is {found}, "
        f"not {wanted}.",
        "Something on the way alters it, or voicecli is too old for it: upgrade voicecli.",
    )


@contextmanager
def _locked(folder: Path, tell: Tell) -> Iterator[None]:
    """`folder` is ours alone, made if need be; removed where it is left empty."""
    while True:
        folder.mkdir(exist_ok=True)
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.exists() and os.path.samestat(os.fstat(number), folder.stat()):
                yield
                if not any(folder.iterdir()):
                    folder.rmdir()
                return
        except BlockingIOError:
            tell(0, None)
            time.sleep(0.2)
        finally:
            os.close(number)


def _hash(path: Path, git: bool) -> str:
    """The SHA-256 of a file, or the SHA-1 by which git knows it."""
    head = b"blob %d\0" % path.stat().st_size if git else b""
    digest = hashlib.new("sha1" if git else "sha256", head, usedforsecurity=not git)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _last(path: str) -> str:
    return path.rpartition("/")[2]
