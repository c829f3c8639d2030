"""The door to huggingface_hub: what a repository has, and files fetched and resumed; all of it blocks.

It sends nothing about its user, neither a token nor telemetry, and leaves https for nothing else. Where a
mirror is, `HF_ENDPOINT` says.
"""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from voicecli import __version__
from voicecli.errors import (
    Dropped,
    LibraryMissing,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
    VoiceError,
    causes,
)
from voicecli.providers.openai.base_url import Address

__all__ = ["HubFile", "Tell", "download", "entries", "hub_url"]

Tell: TypeAlias = Callable[[int, int | None], None]
"""Told how many bytes there are and will be, if that is known; what it raises ends the download."""

PIECE = 64 * 1024  # bytes that are written, and told, at a time
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before a server in trouble is asked again
STALL = 20  # seconds without a byte


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository, and the hash by which it knows it."""

    path: str
    sha256: str  # of a large file; empty for others
    git: str  # SHA-1, with git's header: of the file, or of the pointer to a large one


def hub_url(repository: str, path: str) -> str:
    """Where a file of a repository is."""
    return f"{_endpoint()}/{repository}/resolve/main/{quote(path)}"


def entries(repository: str, below: str) -> list[HubFile]:
    """The files in a folder of a repository. Raises ProviderError, LibraryMissing."""
    with _translated(repository, _endpoint()) as hub:
        try:
            tree = hub.HfApi(endpoint=_endpoint(), token=False).list_repo_tree(repository, below or None)
            found = [entry for entry in tree if isinstance(entry, hub.hf_api.RepoFile)]
        except (hub.errors.RepositoryNotFoundError, hub.errors.EntryNotFoundError) as exc:
            # The hub refuses what does not exist.
            what = f"{repository} has no {below}" if below else f"There is no model {repository}"
            raise NotFound(f"{what}, or it is not public.") from exc
    return [HubFile(one.path, one.lfs.sha256 if one.lfs else "", one.blob_id) for one in found]


def download(url: str, part: Path, what: str, by_hand: str, tell: Tell) -> None:
    """Bring the file at `url` into `part`, which may have its beginning. Raises ProviderError, OSError."""
    with _translated(what, url, by_hand, part) as hub:
        for pause in (*PAUSES, None):
            try:
                with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "r+b") as file:
                    size = file.seek(0, os.SEEK_END)
                    headers = {"User-Agent": f"voicecli/{__version__}", "Accept-Encoding": "identity"}
                    hub.file_download.http_get(
                        url, file, resume_size=size, headers=headers, tqdm_class=_bar(hub, tell)
                    )
                    return
            except hub.errors.HfHubHTTPError as exc:
                if exc.response.status_code == 416:  # the part is the whole already, or no part of it
                    if exc.response.headers.get("Content-Range") == f"bytes */{size}":
                        return
                    part.unlink()
                elif exc.response.status_code < 500 or pause is None:
                    raise
                time.sleep(pause or 0)


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _library() -> Any:
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        import huggingface_hub as hub
        from huggingface_hub import constants, errors, file_download, get_session, hf_api  # noqa: F401
    except ImportError as exc:
        raise LibraryMissing(
            "huggingface_hub is not installed.", "Install it: pip install 'voicecli[local]'"
        ) from exc
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # our errors say it
    constants.DOWNLOAD_CHUNK_SIZE, constants.HF_HUB_DOWNLOAD_TIMEOUT = PIECE, STALL
    client = type(get_session())
    hub.set_client_factory(
        lambda: client(
            follow_redirects=True,
            timeout=STALL,
            verify=ssl.create_default_context(),
            event_hooks={"response": [_follow]},
        )
    )
    return hub


def _bar(hub: Any, tell: Tell) -> type[Any]:
    """What huggingface_hub takes for a progress bar."""

    class Bar(hub.utils.tqdm):  # type: ignore[misc] # the library has no types here
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options | {"disable": True})
            tell(int(self.n), self.total)

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            tell(int(self.n), self.total)

    return Bar


def _follow(response: Any) -> None:
    """Go where an answer sends us only where that is safe as well."""
    if response.has_redirect_location:
        _ensure_safe(str(response.url.join(response.headers["Location"])), str(response.url))


def _ensure_safe(url: str, sender: str = "") -> None:
    """Raise Refused where somebody on the way could change what is fetched; from https only https is safe."""
    parts = urlsplit(url)
    near = parts.scheme == "http" and Address(url).is_loopback and not sender.startswith("https:")
    if parts.scheme != "https" and not near:
        raise Refused(
            f"{parts.hostname or url} would be asked over {parts.scheme or 'nothing'}, where anybody on "
            "the way could change the file: nothing was fetched.",
            "Name an address that begins with https://, or fetch the file by hand.",
        )


@contextlib.contextmanager
def _translated(what: str, url: str, by_hand: str = "", part: Path | None = None) -> Iterator[Any]:
    """The library; what it and its transport raise comes out as our errors."""
    _ensure_safe(url)
    hub = _library()
    host = urlsplit(url).netloc
    again = f"What has come is kept: try again to go on from there. {by_hand}"
    try:
        yield hub
    except VoiceError:
        raise
    except hub.errors.HfHubHTTPError as exc:
        status = exc.response.status_code
        kinds: dict[int, type[ProviderError]] = {401: Refused, 403: Refused, 404: NotFound, 410: NotFound}
        kind = (kinds | {429: RateLimited}).get(status, Unavailable)
        raise kind(f"{url} answers {status} {exc.response.reason_phrase}.", by_hand) from exc
    except Exception as exc:  # httpx or its successor: whichever the library is made on
        *_, root = causes(exc)
        names = {kind.__name__ for kind in type(exc).__mro__}
        if isinstance(root, ssl.SSLCertVerificationError):
            raise Unavailable(
                f"{host} has a certificate that this system does not trust: {root.verify_message}.",
                f"Set SSL_CERT_FILE to the certificates of your network. {by_hand}",
            ) from exc
        if names & {"ConnectError", "ConnectTimeout", "ProxyError", "OfflineModeIsEnabled"}:
            why = root.strerror if isinstance(root, OSError) and root.strerror else exc
            raise Unavailable(
                f"{what} has to be downloaded, and {host} is not reachable: {why}.",
                f"Connect to the network and try again. {by_hand}",
            ) from exc
        if "TimeoutException" in names:
            raise TimedOut(f"{url}: nothing came for {STALL} seconds.", again) from exc
        if names & {"TransportError", "TooManyRedirects", "DecodingError"}:
            kept = part.stat().st_size if part is not None and part.exists() else 0
            raise Dropped(f"{url} broke off after {kept} bytes: {exc}.", again) from exc
        if "HFValidationError" in names:
            raise NotFound(f"{what} is no name of a repository.") from exc
        raise
