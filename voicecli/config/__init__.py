"""Settings: TOML files, profiles, the environment and flags, gathered and checked."""

from __future__ import annotations

from voicecli.config.load import Item, Loaded, load_settings
from voicecli.config.origins import Flag, default_user_file
from voicecli.config.settings import Settings

__all__ = ["Flag", "Item", "Loaded", "Settings", "default_user_file", "load_settings"]
