"""Who may come in, and how much each may take: decisions about values, without sockets or clocks."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from urllib.parse import urlsplit

from voicecli.config.serving import ServerSettings
from voicecli.errors import SettingsError, UsageError

__all__ = [
    "HOLDER",
    "Bucket",
    "Guard",
    "Reason",
    "Refusal",
    "Request",
    "Share",
    "Tokens",
    "is_loopback",
    "parse_tokens",
]

_LEAST = 16  # characters of a secret
_HOW = "Make one with `openssl rand -hex 32`."


class Reason(StrEnum):
    """Why a client was sent away; a label of the metrics."""

    CONNECTIONS = "connections"  # too many sockets
    ADDRESS = "address"  # too many from there
    WAITING = "waiting"  # too many sockets that ask for nothing
    GUEST = "guest"  # had shown no token, or was idle, and its room was needed
    MEMORY = "memory"  # what it sent, and nobody had taken yet, was most of too much
    HEADER = "header"  # the head of a request took too long or too much
    BODY = "body"  # the rest of it did
    MALFORMED = "malformed"  # no HTTP
    UNREAD = "unread"  # reads nothing of what it is sent
    FLOOD = "flood"  # frames without end that say nothing
    HOST = "host"  # called by a name that is not ours
    ORIGIN = "origin"  # a web page of somebody else's
    TOKEN = "token"  # none, or a wrong one
    SHARE = "share"  # its token has as many sessions as it may
    SESSIONS = "sessions"  # everybody together has
    BUSY = "busy"  # recognition does not keep up with those who are there
    IDLE = "idle"  # sent nothing for long
    LENGTH = "length"  # has been there for long
    STOPPING = "stopping"  # the server is going


@dataclass(frozen=True, slots=True)
class Refusal:
    """No, and what to say about it."""

    reason: Reason
    status: int  # of HTTP
    message: str  # fit to be shown to the client
    retry_after: int | None = None  # seconds


@dataclass(frozen=True, slots=True)
class Request:
    """What the decision is made of; header names in lower case."""

    path: str
    headers: Mapping[str, str]

    @property
    def bearer(self) -> str | None:
        """The token of the Authorization header, None without one."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None


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
                _HOW,
            )
        secrets[name] = secret
    return Tokens(secrets)


class Guard:
    """Decides about requests, and keeps count of sessions."""

    def __init__(self, settings: ServerSettings, tokens: Tokens | None = None) -> None:
        self._shares: dict[str, Share] = {}
        self.sessions = 0
        self.stopping = False
        self.follow(settings, tokens or Tokens({}))

    def follow(self, settings: ServerSettings, tokens: Tokens) -> None:
        """Decide by these from now on; sessions that are open stay. Raises as the constructor does."""
        loopback, origins = is_loopback(settings.host), {_origin(text) for text in settings.origins}
        if not loopback and not len(tokens):
            raise UsageError(
                f"{settings.host} can be reached from other machines, so it takes a token.",
                f"Put name:SECRET into the environment variable {settings.token_env}, or under that name "
                f"into the keyring. {_HOW} Or listen on 127.0.0.1.",
            )
        self._settings, self._tokens = settings, tokens
        self._loopback, self._origins = loopback, origins
        self._hosts = {text.lower() for text in settings.hosts} | {host for _, host, _ in origins}

    @property
    def needs_token(self) -> bool:
        return len(self._tokens) > 0

    def check(self, request: Request) -> Refusal | None:
        """What is wrong with where the request comes from, or with its token. No token at all is no refusal
        here: `admit` says where one is needed.
        """
        if request.path in _ALIVE:
            return None
        host = request.headers.get("host", "")
        if not self.needs_token and not self._is_own(host):
            return Refusal(
                Reason.HOST,
                421,
                "This server is not called by that name. Whoever runs it can add the name to server.hosts.",
            )
        origin = request.headers.get("origin")
        if origin is not None and not self._may_come_from(origin, host):
            return Refusal(
                Reason.ORIGIN,
                403,
                "Pages of that origin may not connect. Whoever runs the server can add it to server.origins.",
            )
        if self.needs_token and request.bearer is not None and self.holder(request.bearer) is None:
            return _NO_SUCH_TOKEN
        return None

    def admit(self, request: Request) -> Refusal | None:
        """Whether an HTTP request may be answered. WebSockets may bring their token in the first message."""
        refused = self.check(request)
        if refused is not None or self.may_be_seen(request.path):
            return refused
        if self.needs_token and request.bearer is None:
            return _TOKEN_PLEASE
        return None

    def may_be_seen(self, path: str) -> bool:
        """Whether anybody may see the page."""
        if path == METRICS:
            return self._loopback or self._settings.metrics_open
        return path in _ALIVE or path == READY

    def holder(self, secret: str) -> str | None:
        """Whose token it is."""
        return self._tokens.holder(secret)

    def bearer_of(self, request: Request) -> str | None:
        """The name of the token that the request brings; None without one that is known."""
        return None if request.bearer is None else self.holder(request.bearer)

    def is_invited(self, origin: str) -> bool:
        """Whether pages of `server.origins` are of that origin."""
        try:
            return _origin(origin) in self._origins
        except SettingsError:
            return False

    def enter(self, holder: str | None, now: float, late: float = 0.0) -> Refusal | Share:
        """A session begins: its share of what the token may take, to be handed to `leave`."""
        if self.stopping:
            return Refusal(Reason.STOPPING, 503, "The server is shutting down.", 5)
        if self.sessions >= self._settings.sessions.most:
            return Refusal(Reason.SESSIONS, 503, f"All {self._settings.sessions.most} sessions are taken.", 5)
        if late > 0:
            soon = ceil(min(late, 60))
            return Refusal(Reason.BUSY, 503, "Recognition does not keep up; come back later.", soon)
        share = Share()
        if holder is not None:
            share = self._shares.setdefault(holder, Share(holder=holder))
            minute = self._settings.tokens.audio
            if share.audio is None or share.audio.size != minute:
                share.audio = Bucket(minute, minute / 60, now)
            if share.sessions >= self._settings.tokens.sessions:
                most = self._settings.tokens.sessions
                return Refusal(Reason.SHARE, 429, f"This token has all of its {most} sessions.", 5)
        share.sessions += 1
        self.sessions += 1
        return share

    def leave(self, share: Share) -> None:
        share.sessions -= 1
        self.sessions -= 1

    def _is_own(self, host: str) -> bool:
        """Whether `host` cannot be somebody's name for an address of ours.

        A page of a stranger can have its own name resolve to this machine; the browser then takes the two for
        one. Addresses and "localhost" cannot be made to.
        """
        name = _name(host)
        if name in self._hosts or name in ("localhost", self._settings.host.lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _may_come_from(self, origin: str, host: str) -> bool:
        try:
            scheme, name, port = _origin(origin)
        except SettingsError:  # "null", or no origin at all
            return False
        if (scheme, name, port) in self._origins:
            return True
        try:
            same = _origin(f"{scheme}://{host}")
        except SettingsError:
            return False
        return (scheme, name, port) == same


class Bucket:
    """So much may be taken at once; it fills again as time goes by."""

    __slots__ = ("_filled", "_left", "_rate", "size")

    def __init__(self, size: float, rate: float, now: float) -> None:
        self.size = size
        self._rate = rate  # a second
        self._left = size
        self._filled = now  # when that was right

    def take(self, amount: float, now: float) -> float:
        """Take it in any case; seconds to wait until it is made good."""
        self._left = min(self.size, self._left + (now - self._filled) * self._rate) - amount
        self._filled = now
        return max(0.0, -self._left / self._rate)


@dataclass(slots=True)
class Share:
    """What one token has taken; without a bucket, whatever it likes."""

    audio: Bucket | None = None  # of seconds
    sessions: int = 0
    holder: str | None = None  # of the token

    def take(self, audio: float, now: float) -> float:
        """So many seconds of audio came; seconds to wait before more is read."""
        return 0.0 if self.audio is None else self.audio.take(audio, now)


HOLDER = "voicecli.holder"  # in the scope of an HTTP request: whose token it brought, None for nobody's
METRICS = "/metrics"
READY = "/api/v1/ready"
_ALIVE = frozenset({"/api/v1/health"})
_TOKEN_PLEASE = Refusal(Reason.TOKEN, 401, "A token is needed: send `Authorization: Bearer TOKEN`.")
_NO_SUCH_TOKEN = Refusal(Reason.TOKEN, 401, "That token is not known here.")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_loopback(host: str) -> bool:
    """Whether nobody outside this machine can reach `host`."""
    if host.lower() in ("localhost", "ip6-localhost", "ip6-loopback"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False


def _origin(text: str) -> tuple[str, str, int | None]:
    """Scheme, host and port. Raises SettingsError for what has no host."""
    try:
        parts = urlsplit(text.strip())
        name, port = parts.hostname, parts.port
    except ValueError:
        name, port = None, None
        parts = urlsplit("")
    if not parts.scheme or not name:
        raise SettingsError(f"{text!r} is no origin.", "server.origins holds such as https://example.org.")
    scheme = parts.scheme.lower()
    return scheme, name, _DEFAULT_PORTS.get(scheme) if port is None else port


def _name(host: str) -> str:
    """The Host header without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
