"""Who may come in, and how much each may take: decisions about values, without sockets or clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from urllib.parse import urlsplit

from voicecli.config.serving import ServerSettings
from voicecli.errors import SettingsError, UsageError
from voicecli.server.bucket import Bucket
from voicecli.server.crowd import Crowd
from voicecli.server.refusals import Reason, Refusal
from voicecli.server.subnet import check_networks, is_address, is_loopback
from voicecli.server.tokens import HOW, Tokens

__all__ = ["HOLDER", "METRICS", "READY", "Guard", "Request", "Share"]

HOLDER = "voicecli.holder"  # in the scope of an HTTP request: whose token it brought, None for nobody's
METRICS = "/metrics"
READY = "/api/v1/ready"
_ALIVE = "/api/v1/health"
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


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


@dataclass(slots=True, eq=False)
class Share:
    """What one session may take of what its token may; without a bucket, whatever it likes."""

    holder: str | None = None  # of the token
    audio: Bucket | None = None  # of seconds, for all sessions of the token

    def take(self, audio: float, now: float) -> float:
        """So many seconds of audio came; seconds to wait before more is read."""
        return 0.0 if self.audio is None else self.audio.take(audio, now)


class Guard:
    """Decides about requests, and keeps count of sessions."""

    def __init__(self, settings: ServerSettings, tokens: Tokens | None = None) -> None:
        self._sessions: Crowd[Share] = Crowd()
        self._audio: dict[str, Bucket] = {}  # of each token
        self.stopping = False
        self.follow(settings, tokens or Tokens({}))

    def follow(self, settings: ServerSettings, tokens: Tokens) -> None:
        """Decide by these from now on; sessions that are open stay. Raises as the constructor does."""
        check_networks(settings.trusted_proxies, "server.trusted_proxies")
        loopback, origins = is_loopback(settings.host), {_origin(text) for text in settings.origins}
        if not loopback and not len(tokens):
            raise UsageError(
                f"{settings.host} can be reached from other machines, so it takes a token.",
                f"Put name:SECRET into the environment variable {settings.token_env}, or under that name "
                f"into the keyring. {HOW} Or listen on 127.0.0.1.",
            )
        self._settings, self._tokens = settings, tokens
        self._loopback, self._origins = loopback, origins
        self._hosts = {text.lower() for text in settings.hosts} | {host for _, host, _ in origins}
        self._hosts |= {"localhost", settings.host.lower()}

    @property
    def needs_token(self) -> bool:
        return len(self._tokens) > 0

    def check(self, request: Request) -> Refusal | None:
        """What is wrong with where the request comes from, or with its token. No token at all is no refusal
        here: `admit` says where one is needed.
        """
        if request.path == _ALIVE:
            return None
        host = request.headers.get("host", "")
        if not self.needs_token and not self._is_own(host):
            return Refusal(
                421,
                "This server is not called by that name. Whoever runs it can add the name to server.hosts.",
                Reason.HOST,
            )
        origin = request.headers.get("origin")
        if origin is not None and not self._may_come_from(origin, host):
            return Refusal(
                403,
                "Pages of that origin may not connect. Whoever runs the server can add it to server.origins.",
                Reason.ORIGIN,
            )
        if self.needs_token and request.bearer is not None and self.holder(request.bearer) is None:
            return Refusal(401, "That token is not known here.", Reason.TOKEN)
        return None

    def admit(self, request: Request) -> Refusal | None:
        """Whether an HTTP request may be answered. WebSockets may bring their token in the first message."""
        refused = self.check(request)
        if refused is not None or self.may_be_seen(request.path):
            return refused
        if self.needs_token and request.bearer is None:
            return Refusal(401, "A token is needed: send `Authorization: Bearer TOKEN`.", Reason.TOKEN)
        return None

    def may_be_seen(self, path: str) -> bool:
        """Whether anybody may see the page."""
        if path == METRICS:
            return self._loopback or self._settings.metrics_open
        return path in (_ALIVE, READY)

    def holder(self, secret: str | None) -> str | None:
        """Whose token it is; None for none that is known."""
        return None if secret is None else self._tokens.holder(secret)

    def is_invited(self, origin: str) -> bool:
        """Whether pages of `server.origins` are of that origin."""
        try:
            return _origin(origin) in self._origins
        except SettingsError:  # "null", or no origin at all
            return False

    def enter(self, holder: str | None, now: float, late: float = 0.0) -> Refusal | Share:
        """A session begins: its share of what the token may take, to be handed to `leave`."""
        most, tokens = self._settings.sessions.most, self._settings.tokens
        if self.stopping:
            return Refusal(503, "The server is shutting down.", Reason.STOPPING, 5)
        if len(self._sessions) >= most:
            return Refusal(503, f"All {most} sessions are taken.", Reason.SESSIONS, 5)
        if late > 0:
            soon = ceil(min(late, 60))
            return Refusal(503, "Recognition does not keep up; come back later.", Reason.BUSY, soon)
        share = Share()
        if holder is not None:
            audio = self._audio.get(holder)
            if audio is None or audio.size != tokens.audio:
                audio = self._audio[holder] = Bucket(tokens.audio, tokens.audio / 60, now)
            if self._sessions.count(holder) >= tokens.sessions:
                return Refusal(429, f"This token has all of its {tokens.sessions} sessions.", Reason.SHARE, 5)
            share = Share(holder, audio)
        self._sessions.add(share, holder)
        return share

    def leave(self, share: Share) -> None:
        """The session is over."""
        self._sessions.remove(share)

    def _is_own(self, host: str) -> bool:
        """Whether `host` cannot be somebody's name for an address of ours.

        A page of a stranger can have its own name resolve to this machine; the browser then takes the two for
        one. Addresses and "localhost" cannot be made to.
        """
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return name in self._hosts or is_address(name)

    def _may_come_from(self, origin: str, host: str) -> bool:
        if self.is_invited(origin):
            return True
        try:
            found = _origin(origin)
            return found == _origin(f"{found[0]}://{host}")
        except SettingsError:
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
