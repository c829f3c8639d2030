"""Where conversations are kept."""

from __future__ import annotations

from pathlib import Path

from voicecli.config import Settings
from voicecli.folders import data_folder

__all__ = ["conversations_folder"]


def conversations_folder(settings: Settings) -> Path:
    """Where conversations are saved."""
    if settings.save.folder:
        return Path(settings.save.folder).expanduser()
    return data_folder() / "conversations"
