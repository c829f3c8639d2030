"""The tokens that let clients in, and where they are read from."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from voicecli.config.serving import ServerSettings
from voicecli.errors import SettingsError, UsageError
from voicecli.secrets import secret

__all__ = ["HOW", "Tokens", "parse_tokens", "read_tokens"]

HOW = "Make one with `openssl rand -hex 32`."
_LEAST = 16  # characters of a secret


class Tokens:
    """The secrets that open the door, kept as digests and compared in constant time."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._digests = {name: _digest(secret) for name, secret in secrets.items()}

    def __len__(self) -> int:
        return len(self._digests)

    def holder(self, secret: str) -> str | None:
        """The name of the token, None for one that is not known; takes as long either way."""
        given = _digest(secret)
        found = None
        for name, digest in self._digests.items():
            if hmac.compare_digest(given, digest):
                found = name
        return found


def parse_tokens(text: str, source: str) -> Tokens:
    """The tokens in `name:secret,name:secret`; one without a name is called after its place.

    Raises SettingsError, which names `source` and never a secret.
    """
    secrets: dict[str, str] = {}
    for number, part in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
        name, colon, secret = part.partition(":")
        if not colon:
            name, secret = f"token-{number}", part
        name, secret = name.strip(), secret.strip()
        if not name or name in secrets or not name.isprintable():
            raise SettingsError(
                f"{source}: token {number} has a name that is empty, odd or used twice.",
                "It looks like alice:SECRET,bob:SECRET.",
            )
        if len(secret) < _LEAST or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise SettingsError(
                f"{source}: the secret of token {name!r} must have {_LEAST} or more characters of ASCII.",
                HOW,
            )
        secrets[name] = secret
    return Tokens(secrets)


def read_tokens(settings: ServerSettings) -> Tokens:
    """Who may come in, as it is now. Raises SettingsError, UsageError."""
    if settings.token_file:
        return parse_tokens(_private(Path(settings.token_file)).replace("\n", ","), settings.token_file)
    return parse_tokens(secret(settings.token_env) or "", settings.token_env)


def _private(path: Path) -> str:
    """A file that holds secrets."""
    try:
        if path.stat().st_mode & 0o077:
            raise UsageError(f"Others may read {path}, which holds tokens.", f"Run `chmod 600 {path}`.")
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The tokens cannot be read from {path}: {error}.") from error


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
