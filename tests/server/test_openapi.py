"""The server against its own OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.server.served import Served, served
from voicecli.wire.frames import ObjectFrame, encode

UNKNOWN = [positive_data_acceptance]  # no schema knows what is worth answering
TOKEN = "a-secret-of-the-tests"
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=50)
FRAMES = WORDS.map(lambda words: encode(ObjectFrame({"question": words})))
schemathesis.openapi.media_type("application/octet-stream", FRAMES)
AUTH = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module", params=["open", "guarded"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    guarded = request.param == "guarded"
    words = ["--host", "0.0.0.0"] if guarded else []
    env = {"VOICECLI_SERVER_TOKENS": TOKEN} if guarded else None
    with served(tmp_path_factory.mktemp("home"), *words, env=env) as server:
        yield server


@pytest.fixture(scope="module")
def description(server: Served) -> Any:
    return schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json", headers=AUTH)


def test_answers_are_as_described(description: Any):
    operations = [found.ok() for found in description.get_all_operations()]
    assert operations
    for operation in operations:

        @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(timeout=20, headers=AUTH, excluded_checks=UNKNOWN)

        ask()


def test_description_names_the_pages(server: Served, description: Any):
    assert {"/api/v1/health", "/api/v1/ready", "/api/v1/query", "/metrics"} == set(
        description.raw_schema["paths"]
    )
    schemes = description.raw_schema["components"].get("securitySchemes", {})
    assert ("HTTPBearer" in schemes) == server.ready["token"]
