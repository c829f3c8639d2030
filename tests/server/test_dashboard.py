"""What the documentation gives operators to copy: queries that find something, settings that exist."""

from __future__ import annotations

import asyncio
import configparser
import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from tests.server.served import Served, said, served, silence, start, stop, tone
from voicecli.cli.app import loaded_command
from voicecli.config import load_settings
from voicecli.config.serving import ServerSettings
from voicecli.server.refusals import Reason

FOLDER = Path(__file__).parents[2] / "docs" / "serving"
DASHBOARD = json.loads((FOLDER / "grafana" / "voicecli.json").read_text(encoding="utf-8"))
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
PAGE = (FOLDER.parent / "serving.md").read_text(encoding="utf-8")
WORDS = {"by", "without", "on", "ignoring", "and", "or", "unless", "offset", "bool", "inf", "nan"}


def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def asked(query: str) -> list[tuple[str, dict[str, str], set[str]]]:
    """Every number that a query reads: its name, the labels that must match, and those it is grouped by."""
    groups = {
        label.strip()
        for names in re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", query)
        for label in names.split(",")
    }
    rest = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", " ", query)
    rest = re.sub(r"\[[^\]]*\]", " ", rest)  # ranges
    found = []
    for name, labels in re.findall(r"([a-zA-Z_:][\w:]*)(?!\w|\s*\()(?:\{([^}]*)\})?", rest):
        if name not in WORDS:
            matchers = dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', labels))
            found.append((name, matchers, groups))
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """Of a server that has been used: the labels of every number, by its name."""

    async def use(server: Served) -> None:
        async with connect(f"{server.address}/api/v1/segmented") as websocket:
            for message in ("nonsense", start(), tone(0.4), silence(0.5), stop()):
                await websocket.send(message)
            await said(websocket)

    with served(tmp_path_factory.mktemp("home")) as server:
        asyncio.run(use(server))
        labels: dict[str, list[dict[str, str]]] = {}
        for family in text_string_to_metric_families(server.get("/metrics")[1].decode()):
            for sample in family.samples:
                labels.setdefault(sample.name, []).append(sample.labels)
    return labels


def test_queries_are_taken_apart():
    query = (
        'histogram_quantile(0.95, sum by (le, event) (rate(a_bucket{x="1", y=~"2"}[$__rate_interval]))) > b'
    )
    assert asked(query) == [("a_bucket", {"x": "1"}, {"le", "event"}), ("b", {}, {"le", "event"})]


@pytest.mark.parametrize("query", QUERIES)
def test_queries_find_something(page: dict[str, list[dict[str, str]]], query: str):
    numbers = asked(query)
    assert numbers
    for name, matchers, groups in numbers:
        assert name in page, name
        fitting = [labels for labels in page[name] if matchers.items() <= labels.items()]
        assert fitting, (name, matchers)
        assert all(groups <= set(labels) for labels in fitting), (name, groups)


def test_every_number_is_on_the_dashboard(page: dict[str, list[dict[str, str]]]):
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in page}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for query in QUERIES for name, _, _ in asked(query)}
    unseen = {"voicecli_info", "voicecli_sessions_begun_total"}
    unseen |= {name for name in families if name.startswith("process_")}
    assert families - shown <= unseen


def test_every_number_is_documented(page: dict[str, list[dict[str, str]]]):
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in page}
    rows = re.findall(r"^\| `(\w+)` \| (?:`(\w+)`)? ?\|", PAGE, re.MULTILINE)
    told = {name: {label} - {""} for name, label in rows if name in families}
    assert {name for name in families if not name.startswith("process_")} == set(told)
    for name, labels in told.items():
        shown = page.get(name) or page[f"{name}_count"]
        assert all(set(found) == labels for found in shown), name


def test_every_reason_is_documented():
    bounds = PAGE[PAGE.index("### Bounds") : PAGE.index("## Operating it")]
    assert all(f"`{reason.value}`" in bounds for reason in Reason)


def test_panels_are_whole():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert all(panel["title"] and panel["targets"] for panel in DASHBOARD["panels"])


def test_prometheus_asks_the_server():
    (job,) = yaml.safe_load(read("prometheus.yml"))["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    assert job["static_configs"] == [{"targets": [f"voicecli:{ServerSettings().port}"]}]


def flags(words: list[str]) -> set[str]:
    return {word for word in words if word.startswith("--")}


def known_flags() -> set[str]:
    return {flag for option in loaded_command("serve").params for flag in option.opts}


def test_compose_file():
    compose = yaml.safe_load(read("compose.yaml"))
    services = compose["services"]
    assert set(services) == {"voicecli", "prometheus", "grafana"}
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in compose["volumes"] if source.isalpha() else (FOLDER / source).is_file(), source
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    environment = services["voicecli"]["environment"]
    assert "VOICECLI_SERVER_TOKENS" in environment
    loaded = load_settings(environ=environment, user_file=None).settings.server
    assert loaded.metrics_open
    assert loaded.token_env in environment
    assert int(services["voicecli"]["stop_grace_period"].rstrip("s")) > loaded.grace
    assert services["voicecli"]["ulimits"]["nofile"] > loaded.connections.most + 128
    build = services["voicecli"]["build"]
    assert (FOLDER / build["context"] / build["dockerfile"]).resolve() == FOLDER / "Dockerfile"


def test_dockerfile():
    text = read("Dockerfile")
    words = json.loads(re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)[-1])
    assert words[:2] == ["voicecli", "serve"]
    assert flags(words) <= known_flags()
    assert f"EXPOSE {ServerSettings().port}\n" in text
    environ = dict(re.findall(r"(VOICECLI_\w+__\w+)=(\S+)", text))
    assert load_settings(environ=environ, user_file=None).settings.log.format == "json"


def test_systemd_unit():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(read("voicecli.service"))
    service = unit["Service"]
    words = service["ExecStart"].split()
    assert words[0].endswith("/voicecli")
    assert words[1] == "serve"
    assert flags(words) <= known_flags()
    assert int(service["TimeoutStopSec"]) > ServerSettings().grace
    assert int(service["LimitNOFILE"]) > ServerSettings().connections.most + 128
    assert service["DynamicUser"] == service["NoNewPrivileges"] == "yes"


@pytest.mark.parametrize("name", ["Caddyfile", "nginx.conf"])
def test_proxies_pass_only_the_interface(name: str):
    text = read(name)
    assert f"127.0.0.1:{ServerSettings().port}" in text
    assert "/api/" in text
    assert "404" in text
    assert text.count("{") == text.count("}")
