"""Where this system keeps a program's settings, data and caches: the one file that imports platformdirs."""

from __future__ import annotations

from pathlib import Path

__all__ = ["cache_folder", "data_folder", "settings_folder", "state_folder"]

_NAME = "voicecli"


def settings_folder() -> Path:
    """The user's settings (on Linux below `$XDG_CONFIG_HOME`)."""
    from platformdirs import user_config_path

    return user_config_path(_NAME, appauthor=False)


def data_folder() -> Path:
    """What the user wants kept (on Linux below `$XDG_DATA_HOME`)."""
    from platformdirs import user_data_path

    return user_data_path(_NAME, appauthor=False)


def cache_folder() -> Path:
    """What can be made or fetched again (on Linux below `$XDG_CACHE_HOME`)."""
    from platformdirs import user_cache_path

    return user_cache_path(_NAME, appauthor=False)


def state_folder() -> Path:
    """What is convenient to find again and no loss (on Linux below `$XDG_STATE_HOME`)."""
    from platformdirs import user_state_path

    return user_state_path(_NAME, appauthor=False)
