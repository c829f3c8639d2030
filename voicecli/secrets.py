"""Secrets: API keys, from the environment or from the system's keyring, and from nowhere else."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import re
from collections.abc import Collection, Mapping

__all__ = ["KEYRING_SERVICE", "secret", "without_secrets"]

KEYRING_SERVICE = "voicecli"  # `keyring set voicecli OPENAI_API_KEY` stores one

log = logging.getLogger(__name__)

_SOUNDS_SECRET = re.compile("TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY", re.IGNORECASE)
_asked_for: set[str] = set()  # names


def secret(name: str, *, keyring: bool = True) -> str | None:
    """The secret of this name, or None. The environment goes first; a keyring that fails counts as empty.

    An empty `name` means that no secret is wanted; `keyring` says whether the keyring may be asked, which can
    open a window.
    """
    if not name:
        return None
    _asked_for.add(name)
    return os.environ.get(name, "").strip() or (_from_keyring(name) if keyring else None)


def without_secrets(environment: Mapping[str, str], keep: Collection[str] = ()) -> dict[str, str]:
    """The environment for a process that needs no secrets but `keep`: none that was asked for here, and none
    whose name sounds like one.
    """
    return {
        name: value
        for name, value in environment.items()
        if name in keep or (name not in _asked_for and not _SOUNDS_SECRET.search(name))
    }


@functools.cache  # a keyring may ask its owner to unlock it: once is enough
def _from_keyring(name: str) -> str | None:
    if importlib.util.find_spec("keyring") is None:
        return None
    import keyring
    import keyring.errors

    try:
        value = keyring.get_password(KEYRING_SERVICE, name)
    except (keyring.errors.KeyringError, OSError, RuntimeError) as error:
        # RuntimeError and OSError: what the D-Bus backends raise on a machine without a desktop.
        log.info("The keyring could not be asked for %s: %s", name, error)
        return None
    return (value or "").strip() or None
