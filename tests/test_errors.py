import pytest

from voicecli.errors import ProviderError, VoiceError
from voicecli.providers.openai.base_url import Address
from voicecli.providers.openai.faults import Call, fault


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("model overloaded", "model overloaded."),
        ("Stop.", "Stop."),
        ("What?", "What?"),
        ("It said “no”", "It said “no”."),
        ("It said “No.”", "It said “No.”"),
        ("It begins with …", "It begins with …"),
        ("  ", ""),
        ("", ""),
    ],
)
def test_a_sentence_has_its_full_stop(said: str, shown: str) -> None:
    assert VoiceError(said).message == shown
    assert str(ProviderError(said, "Try again")) == f"{shown} Try again.".strip()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_what_a_server_said_ends(status: int) -> None:
    call = Call("llm", Address("http://127.0.0.1:9/v1", "", None), "tiny", 1.0)
    error = fault(call, status, {"error": {"message": "model overloaded"}})
    assert error.message.endswith(": model overloaded.")
