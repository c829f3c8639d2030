"""Hugging Face's hub: which files a model consists of, and their hashes.

The listing is kept beside the files, so a model that is here needs no network. `HF_ENDPOINT` names a mirror.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from voicecli.errors import NotFound, Refused, Unavailable
from voicecli.providers.fetch import ModelFile, Reporter, fetch, model_folder

__all__ = ["fetch_from_hub", "fetched_from_hub", "hub_url"]

LISTING = "files.json"


def hub_url(repository: str, path: str) -> str:
    """Where a file of a model is."""
    return f"{_endpoint()}/{repository}/resolve/main/{quote(path)}"


async def fetch_from_hub(
    repository: str, below: str, into: str, wanted: Callable[[str], bool], report: Reporter | None
) -> Path:
    """The folder with those files of `repository`, in its folder `below`, whose names are `wanted`.

    `into` names the folder, under the model folder. Raises NotFound and whatever `fetch` raises.
    """
    [listing] = await _listing(repository, below, into)
    await fetch(_files(listing, repository, into, wanted), report)
    return listing.parent


def fetched_from_hub(into: str, wanted: Callable[[str], bool]) -> bool:
    """Whether `fetch_from_hub` would need no network."""
    listing = model_folder() / into / LISTING
    try:
        files = _files(listing, "", into, wanted)
    except Unavailable:
        return False
    return all((model_folder() / file.path).exists() for file in files)


async def _listing(repository: str, below: str, into: str) -> list[Path]:
    url = f"{_endpoint()}/api/models/{repository}/tree/main" + (f"/{quote(below)}" if below else "")
    try:
        return await fetch([ModelFile(url, f"{into}/{LISTING}", listing=True)])
    except (NotFound, Refused) as exc:  # the hub refuses what does not exist
        what = f"{repository} has no {below}" if below else f"There is no model {repository}"
        raise NotFound(f"{what}, or it is not public ({exc.message}).") from exc


def _files(listing: Path, repository: str, into: str, wanted: Callable[[str], bool]) -> list[ModelFile]:
    try:
        entries: list[dict[str, Any]] = json.loads(listing.read_bytes())
        named = [(entry["path"], entry) for entry in entries if entry["type"] == "file"]
        files = [
            ModelFile(
                hub_url(repository, path),
                f"{into}/{_last(path)}",
                entry.get("lfs", {}).get("oid", ""),
                entry.get("oid", ""),
            )
            for path, entry in named
            if wanted(_last(path))
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise Unavailable(
            f"{listing} is not a list of files.", "Remove it, and it is fetched again."
        ) from exc
    if not files:
        raise NotFound(
            f"{repository} has none of the files that are needed.", f"They are listed in {listing}."
        )
    return files


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
