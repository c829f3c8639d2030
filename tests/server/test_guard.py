"""Who may come in."""

from typing import Any

import pytest

from voicecli.config.serving import ServerSettings, SessionSettings, TokenSettings
from voicecli.errors import SettingsError, UsageError
from voicecli.server.guard import Guard, Request, Share
from voicecli.server.refusals import Reason, Refusal
from voicecli.server.subnet import is_loopback
from voicecli.server.tokens import Tokens, parse_tokens

ALICE, BOB = "alice-secret-0123456789", "bob-secret-01234567890"
OPEN = {"host": "127.0.0.1:8080"}


def tokens() -> Tokens:
    return parse_tokens(f"alice:{ALICE}, bob:{BOB}", "TOKENS")


def asked(path: str = "/api/v1/simple", **headers: str) -> Request:
    return Request(path, {**OPEN, **headers})


def bearer(secret: str) -> str:
    return f"Bearer {secret}"


def reason(refused: Refusal | Share | None) -> Any:
    assert refused is None or isinstance(refused, Refusal)
    return None if refused is None else refused.reason


def test_tokens_have_names():
    found = tokens()
    assert (found.holder(ALICE), found.holder(BOB)) == ("alice", "bob")
    assert found.holder(ALICE[:-1]) is None
    assert found.holder("") is None
    assert found.holder("ä\udcff") is None
    assert parse_tokens(ALICE, "TOKENS").holder(ALICE) == "token-1"
    assert len(parse_tokens(" , ", "TOKENS")) == 0


@pytest.mark.parametrize(
    "text", ["alice:short", f"a:{ALICE},a:{BOB}", f":{ALICE}", "a:with a blank in it 123"]
)
def test_bad_tokens_are_refused_unseen(text: str):
    with pytest.raises(SettingsError) as failed:
        parse_tokens(text, "TOKENS")
    assert "TOKENS" in str(failed.value)
    for secret in (ALICE, BOB, "with a blank"):
        assert secret not in str(failed.value)


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.1.4", False),
        ("example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback(host: str, inside: bool):
    assert is_loopback(host) == inside


def test_other_addresses_need_a_token():
    with pytest.raises(UsageError, match=r"0\.0\.0\.0 can be reached .* VOICECLI_SERVER_TOKENS"):
        Guard(ServerSettings(host="0.0.0.0"))
    assert Guard(ServerSettings(host="0.0.0.0"), tokens()).needs_token
    assert not Guard(ServerSettings()).needs_token


def test_bearer_tokens():
    guard = Guard(ServerSettings(), tokens())
    assert guard.admit(asked(authorization=bearer(ALICE))) is None
    assert guard.admit(asked(authorization=f"bearer   {ALICE}")) is None
    for wrong in (bearer("nonsense"), bearer(""), f"Basic {ALICE}", ALICE):
        assert reason(guard.admit(asked(authorization=wrong))) is Reason.TOKEN
    assert reason(guard.admit(asked())) is Reason.TOKEN
    assert guard.check(asked()) is None  # a WebSocket may bring it in its first message
    assert reason(guard.check(asked(authorization=bearer("nonsense")))) is Reason.TOKEN


def test_what_anybody_may_see():
    here, outside = Guard(ServerSettings(), tokens()), Guard(ServerSettings(host="0.0.0.0"), tokens())
    shown = Guard(ServerSettings(host="0.0.0.0", metrics_open=True), tokens())
    for path in ("/api/v1/health", "/api/v1/ready"):
        assert outside.admit(asked(path)) is None
    assert here.admit(asked("/metrics")) is None
    assert shown.admit(asked("/metrics")) is None
    assert reason(outside.admit(asked("/metrics"))) is Reason.TOKEN
    assert outside.admit(asked("/metrics", authorization=bearer(BOB))) is None


@pytest.mark.parametrize(
    ("host", "origin", "refused"),
    [
        ("localhost:8080", None, None),
        ("[::1]:8080", None, None),
        ("192.168.1.4", None, None),
        ("evil.example", None, Reason.HOST),  # its name resolves to us
        ("evil.example:8080", "http://evil.example:8080", Reason.HOST),
        ("", None, Reason.HOST),
        ("ours.example", None, None),
        ("localhost:8080", "http://localhost:8080", None),
        ("localhost:8080", "http://LOCALHOST:8080", None),
        ("localhost:8080", "http://localhost:3000", Reason.ORIGIN),
        ("localhost:8080", "http://evil.example", Reason.ORIGIN),
        ("localhost:8080", "null", Reason.ORIGIN),
        ("localhost:8080", "http://[", Reason.ORIGIN),
        ("localhost:8080", "https://page.example", None),
        ("localhost:8080", "https://page.example:443", None),
        ("localhost:8080", "http://page.example", Reason.ORIGIN),
        ("page.example", "https://page.example", None),
    ],
)
def test_hosts_and_origins(host: str, origin: str | None, refused: Reason | None):
    guard = Guard(ServerSettings(origins=["https://page.example"], hosts=["ours.example"]))
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert reason(guard.check(Request("/api/v1/simple", headers))) is refused
    assert guard.check(Request("/api/v1/health", headers)) is None


def test_host_matters_not_with_tokens():
    guard = Guard(ServerSettings(), tokens())
    assert guard.check(Request("/api/v1/simple", {"host": "voice.example"})) is None
    same = {"host": "voice.example", "origin": "https://voice.example"}
    assert guard.check(Request("/api/v1/simple", same)) is None
    assert reason(guard.check(Request("/", same | {"origin": "https://other.example"}))) is Reason.ORIGIN


def test_sessions_are_counted():
    settings = ServerSettings(sessions=SessionSettings(most=3), tokens=TokenSettings(sessions=2))
    guard = Guard(settings, tokens())
    first, second = guard.enter("alice", 0.0), guard.enter("alice", 0.0)
    assert isinstance(first, Share)
    assert isinstance(second, Share)
    assert first.audio is second.audio
    assert reason(guard.enter("alice", 0.0)) is Reason.SHARE
    assert isinstance(guard.enter("bob", 0.0), Share)
    assert reason(guard.enter("bob", 0.0)) is Reason.SESSIONS
    guard.leave(first)
    assert isinstance(guard.enter("alice", 0.0), Share)
    guard.stopping = True
    assert reason(guard.enter(None, 0.0)) is Reason.STOPPING


def test_audio_beyond_the_share_waits():
    guard = Guard(ServerSettings(tokens=TokenSettings(audio=60.0)), tokens())
    share = guard.enter("alice", 100.0)
    assert isinstance(share, Share)
    assert share.take(60.0, 100.0) == 0.0  # a minute at once
    assert share.take(5.0, 100.0) == pytest.approx(5.0)
    assert share.take(0.0, 103.0) == pytest.approx(2.0)
    assert share.take(0.0, 200.0) == 0.0
    assert share.take(61.0, 10_000.0) == pytest.approx(1.0)  # no more than a minute is saved up


def test_without_tokens_nothing_waits():
    share = Guard(ServerSettings()).enter(None, 0.0)
    assert isinstance(share, Share)
    assert share.take(1e9, 0.0) == 0.0
