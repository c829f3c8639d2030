"""The documentation says what is so: its links, commands, options, events, marks, states and examples."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.cli.manual import written
from voicecli.audio.decode import open_decoder
from voicecli.bench.compare import Trend
from voicecli.bench.host import Machine
from voicecli.bench.measure.first_audio import METRICS, Case
from voicecli.bench.measure.loudspeaker import Heard
from voicecli.bench.measure.texts import TEXTS
from voicecli.bench.report import KINDS, BenchReport, Participant, Sample
from voicecli.bench.report_file import report_record
from voicecli.cli.app import app, loaded_command
from voicecli.config import schema
from voicecli.config.key import toml
from voicecli.config.settings import BudgetSettings
from voicecli.conversation.record import event_record, marks_record, summary_record
from voicecli.conversation.turntaking import Speech, State, drawing
from voicecli.errors import ExitStatus, NotFound, ProviderError, SettingsError, Unavailable
from voicecli.latency.budget import parse_limit
from voicecli.latency.tally import Tally
from voicecli.latency.timeline import SPANS, Mark, Span, Timeline
from voicecli.providers.choose import AUTO, Choice
from voicecli.providers.local_servers import PORTS
from voicecli.providers.registry import BUILT_IN, STAGES
from voicecli.providers.simulated import SimulatedSynthesizer

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
PROGRAM: Any = get_command(app)
MORSE = DOCS / "examples" / "voicecli-morse"
ENGINES = [(stage, name) for stage in STAGES for name in BUILT_IN[stage]]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next of its level or a higher one."""
    level = heading.split(" ")[0]
    begin = re.search(rf"^{re.escape(heading)}$", text, re.MULTILINE)
    assert begin is not None, f"there is no heading {heading!r}"
    rest = text[begin.end() :]
    end = re.search(rf"^#{{1,{len(level)}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, without headings and rules."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [
        cells
        for cells, below in zip(table, [*table[1:], []], strict=True)
        if not _rule(cells) and not _rule(below)
    ]


def _rule(cells: list[str]) -> bool:
    return bool(cells) and all(set(cell) == {"-"} for cell in cells)


def bare(cell: str) -> str:
    return cell.strip("`")


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """As the web shows headings: lower case, hyphens for spaces, other marks gone."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def command(*words: str) -> Any:
    """A command of the program, or a group of them."""
    found: Any = PROGRAM
    for word in words:
        assert word in found.commands, f"there is no command {' '.join(words)}"
        found = loaded_command(word) if found is PROGRAM else found.commands[word]
    return found


def subcommands(found: Any) -> list[str]:
    return sorted(getattr(found, "commands", ()))


def flags(found: Any) -> set[str]:
    options = [param for param in found.params if param.param_type_name == "option"]
    return {flag for option in options for flag in [*option.opts, *option.secondary_opts]}


# Pages


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        goal = (path.parent / name).resolve() if name else path
        assert goal.exists(), target
        if anchor:
            assert anchor in anchors(goal.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_prose_is_wrapped(path: Path):
    fence = False
    for line in path.read_text(encoding="utf-8").splitlines():
        fence ^= line.startswith("```")
        assert fence or line.startswith(("|", "    ", "```")) or len(line) <= 118, line


@pytest.mark.parametrize("path", [*PAGES, *DOCS.rglob("examples/**/*.py")], ids=lambda path: path.name)
def test_no_path_of_one_machine(path: Path):
    text = path.read_text(encoding="utf-8")
    for place in re.findall(r"(?<![\w.])/(?:home|root|work|tmp|Users|opt|srv)\b[/\w.-]*", text):
        assert place.startswith("/home/you"), place


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_python_in_pages_is_python(path: Path):
    for code in fenced(path.read_text(encoding="utf-8"), "python"):
        ast.parse(code)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_settings_named_exist(path: Path):
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"--set '?([a-z_.-]+)=", text)) | set(re.findall(r"config set ([a-z_.-]+)=", text))
    sections = "|".join(child.path[0] for child in schema.root().children())
    named |= set(re.findall(rf"`((?:{sections})\.[a-z_.]+)`", text))
    wrong_on_purpose = {"tts.espeak.sped"}
    for key in named - wrong_on_purpose:
        path_of = tuple(key.split("."))
        if path_of[-1] in ("jsonl", "wav") or path_of[:2] == ("tts", "morse"):
            continue  # files, and the example
        assert schema.find(path_of) is not None, key


def test_words_are_few():
    text = section((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), "## Words")
    words = [word for cells in rows(text) for word in cells[0].split(", ")]
    assert len(words) == len(set(words)) <= 40


def test_a_file_has_a_name_of_its_own():
    names = [path.name for path in (ROOT / "voicecli").rglob("*.py") if not path.name.startswith("__")]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice


# Commands


def invocations() -> Iterator[tuple[str, list[str]]]:
    """Every `voicecli …` of the pages: in code, and in backquotes."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        lines = [line.partition("  #")[0] for line in text.splitlines() if line.startswith("    ")]
        for line in [*lines, *re.findall(r"`(voicecli [^`]+)`", text)]:
            for found in re.findall(r"(?:^|[\s|])voicecli ([a-z-][^|>]*)", line):
                yield path.name, re.sub(r"'[^']*'", "TEXT", found).split()


def test_commands_named_exist():
    known = {"--help", *flags(command())}
    seen = set()
    for name, words in invocations():
        if words[0].startswith("-"):
            assert words[0] in known, (name, words)
            continue
        path = [words[0]]
        assert path[0] in subcommands(command()), (name, words)
        if len(words) > 1 and subcommands(command(*path)) and not words[1].startswith("-"):
            path.append(words[1])
        elif path == ["bench"]:
            path.append("tts")  # what is meant when no word says what
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= known | flags(command(*path)) | flags(command(path[0])), (name, words)
        seen.add(path[0])
    assert sorted(seen) == subcommands(command())


@pytest.mark.parametrize("name", subcommands(command()))
def test_every_option_is_documented(name: str):
    text = section(page("commands.md"), f"## {name}")
    below = subcommands(command(name))
    own = set().union(*(flags(command(*words)) for words in [[name], *([name, word] for word in below)]))
    for word in [*below, *(flag for flag in own if flag.startswith("--") and flag != "--help")]:
        assert re.search(rf"(?<![\w-]){word}(?![\w-])", text), word


def test_options_are_those_of_the_program():
    assert page("commands.md") == written(page("commands.md")), "run python -m tests.cli.manual"


@pytest.mark.parametrize("name", subcommands(command()))
def test_every_command_has_its_one_sentence(name: str):
    sentence = " ".join(command(name).help.split("\n\n")[0].split())
    assert sentence.startswith(PROGRAM.commands[name].help.rstrip("."))


def test_every_exit_status_is_documented():
    found = {int(cells[0]) for cells in rows(section(page("commands.md"), "## Exit statuses"))}
    assert found == {int(status) for status in ExitStatus}


# Engines


@pytest.mark.parametrize(("stage", "name"), ENGINES)
def test_every_engine_option_is_documented(stage: str, name: str):
    table = schema.root().step(stage)
    assert isinstance(table, schema.Table)
    keys = {key.path[-1]: key.default for key in schema.every_key(table.engine(name))}
    text = section(page("engines.md"), f"### {stage}.{name}")
    found = {bare(cells[0]): bare(cells[1]) for cells in rows(text)}
    assert set(found) == set(keys)
    for option, default in keys.items():
        assert found[option] in (toml(default), '["…"]'), option


def test_every_engine_is_listed():
    headings = set(re.findall(r"^### ([\w-]+\.[\w-]+)$", page("engines.md"), re.MULTILINE))
    assert headings == {f"{stage}.{name}" for stage, name in ENGINES}


def test_automatic_order_is_right():
    found = {bare(cells[0]): cells[1] for cells in rows(section(page("engines.md"), "## How one is chosen"))}
    for stage, names in AUTO.items():
        assert re.findall(r"`([\w-]+)`", found[stage]) == list(names)


def test_local_ports_are_right():
    found = rows(section(page("engines.md"), "## Servers on this machine"))
    assert [(int(cells[0]), cells[1].partition(" (")[0]) for cells in found] == list(PORTS.items())


# Architecture


def test_turn_machine_is_right():
    text = section(page("architecture.md"), "## The turn machine")
    assert "\n".join(drawing()) in text
    states = {bare(cells[0]) for cells in rows(text) if len(cells) == 2}
    assert states == set(map(str, [*State, *Speech]))


def test_rooms_are_those_that_are_checked():
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = layers["contracts"]
    diagram = section(page("architecture.md"), "## Rooms")
    found = re.findall(r"^    ([a-z]+(?:, [a-z]+)*)(?:  |$)", diagram, re.MULTILINE)
    assert [room.replace(", ", " | ") for room in found] == [
        layer for layer in contract["layers"] if layer != "__main__"
    ]


# Latency


def test_marks_are_right():
    assert [bare(cells[0]) for cells in rows(section(page("latency.md"), "## Marks"))] == list(map(str, Mark))


def test_spans_are_right():
    found = [tuple(map(bare, cells)) for cells in rows(section(page("latency.md"), "## Spans"))]
    assert found == [(str(span), str(first), str(last)) for span, (first, last) in SPANS.items()]


def test_waits_are_right():
    found = {bare(cells[0]): Mark(bare(cells[1])) for cells in rows(section(page("latency.md"), "## Waits"))}
    times = {mark: float(at) for at, mark in enumerate([Mark.SPEECH_STOPPED, *found.values()])}
    assert Timeline(times).waits() == dict.fromkeys(found, 1.0)


def test_budgets_are_right():
    found = {bare(cells[0]): float(cells[1]) for cells in rows(section(page("latency.md"), "## Budgets"))}
    assert found == {f"budgets.{span}": getattr(BudgetSettings(), span) for span in Span}


def test_numbers_of_settings_are_right():
    """A number in brackets behind a setting's name is its default."""
    for path in PAGES:
        named = re.findall(
            r"`([a-z_]+(?:\.[a-z_]+)+)` \((\d+(?:\.\d+)?)(?: s)?[:;,) ]", path.read_text(encoding="utf-8")
        )
        for name, number in named:
            key = schema.find(tuple(name.split(".")))
            assert isinstance(key, schema.Key), name
            assert key.default == float(number), name


# JSON


def examples() -> dict[str, dict[str, Any]]:
    """A record of every event, made by the program."""
    events = runpy.run_path(str(ROOT / "tests" / "conversation" / "test_record.py"))["EXAMPLES"]
    records = [event_record(event, {"asr": "a"}) for event in events.values()]
    tally = Tally(dict.fromkeys(Span, 1.0))
    tally.count(Timeline(dict.fromkeys(Mark, 0.5)), {})
    records.append(summary_record(tally.summary()))
    return {record["event"]: record for record in records}


@pytest.mark.parametrize("name", sorted(examples()))
def test_every_event_is_documented(name: str):
    record = examples()[name]
    text = section(page("json.md"), f"### {name}")
    assert {bare(cells[0]) for cells in rows(text)} == set(record) - {"event"}
    (line,) = fenced(text, "json")
    shown = json.loads(line)
    assert shown.keys() == record.keys()
    for key in record.keys() & {"marks", "spans", "speculation"}:
        assert shown[key].keys() == record[key].keys()
        parts = record[key] if name == "turn" else record[key][Span.TTFA]
        assert all(f"`{part}`" in text for part in parts), key


def test_every_line_of_json_is_json():
    for block in fenced(page("json.md"), "json"):
        for line in block.splitlines():
            assert isinstance(json.loads(line), dict)


def test_tts_and_listen_records_are_documented():
    for heading in (
        "## tts --json",
        "## devices --json",
        "## history --json",
        "## doctor --json",
        "## listen --json",
    ):
        text = section(page("json.md"), heading)
        keys = {bare(cells[0]) for cells in rows(text)}
        first = [json.loads(line) for line in "".join(fenced(text, "json")).splitlines()]
        shown = set(first[-1]) if heading == "## listen --json" else set(first[0])
        assert shown - {"event"} <= keys, heading


def test_bench_record_is_documented():
    case = Case(Choice(SimulatedSynthesizer(), "", "", None), TEXTS[0])
    run = Sample(case=case.labels, values={}, marks=marks_record(Timeline({}), Mark.FIRST_PHRASE))
    heard = asdict(Heard("", "null", 1, 0.0, whole=False))
    found = BenchReport(
        kind="tts", started="", machine=Machine("", 1, "", "", None), versions={}, metrics=METRICS,
        samples=[run], engines=[Participant(stage="tts", engine="")], details={"speaker": heard},
    )  # fmt: skip
    record = report_record(found)
    text = section(page("json.md"), "## bench --json")
    assert {bare(cells[0]) for cells in rows(text)} == set(record)
    named = [*record["machine"], *heard, *record["engines"][0], *record["metrics"][0], *record["runs"][0]]
    named += [*record["results"][0], *record["labels"], *(metric.name for metric in METRICS), *KINDS]
    for part in named:
        assert f"`{part}`" in text, part
    (shown,) = fenced(text, "json")
    assert json.loads(shown).keys() == record["results"][0].keys()


def test_gate_in_the_page_works():
    """The workflow is one, and its commands are such that the program takes them."""
    yaml = pytest.importorskip("yaml", reason="no YAML reader is installed")
    (text,) = fenced(page("benchmarks.md"), "yaml")
    workflow = yaml.safe_load(text)
    (job,) = workflow["jobs"].values()
    scripts = [step["run"] for step in job["steps"] if "run" in step]
    lines = [shlex.split(line) for script in scripts for line in script.splitlines()]
    taken = [line[1:] for line in lines if line[0] == "voicecli"]
    assert len(taken) == 2
    written = {}
    for words in taken:
        found = command(*words[:2])
        params = found.make_context("bench", list(words[2:])).params
        written |= {params["json"]: params}
        assert params["runs"] >= 20
    base, change = written.values()
    assert str(change["compare"]) == base["json"]
    assert change["strict"]
    assert [parse_limit(limit).span for limit in change["budget"]] == [Span.TTFA]
    assert {"base.json", "change.json", "change.html"} <= set(job["steps"][-1]["with"]["path"].split())


def test_verdicts_are_right():
    found = [cells[0] for cells in rows(section(page("benchmarks.md"), "## Two reports side by side"))]
    assert {name for cell in found for name in re.findall(r"`([^`]+)`", cell)} == set(map(str, Trend))


# The example


@pytest.fixture(scope="module")
def morse() -> Iterator[Any]:
    """The module of the example."""
    spec = importlib.util.spec_from_file_location("voicecli_morse", MORSE / "voicecli_morse.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["voicecli_morse"] = module  # dataclasses and annotations look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["voicecli_morse"]


async def _said(engine: Any, text: str) -> float:
    """Seconds of sound."""
    async with engine:
        decoder = open_decoder(engine.format)
        pieces = [decoder.decode(chunk) async for chunk in engine.synthesize(text)]
    return float(sum(map(len, pieces)) / engine.format.rate)


def test_example_speaks(morse: Any):
    dot = 0.06  # seconds
    assert asyncio.run(_said(morse.MorseSynthesizer(), "E")) == pytest.approx(8 * dot)  # a dot, then a pause
    assert asyncio.run(_said(morse.MorseSynthesizer(morse.MorseOptions(speed=2.0)), "e")) == pytest.approx(
        4 * dot
    )
    assert asyncio.run(_said(morse.MorseSynthesizer(), "¿!")) == 0.0


def test_example_refuses_wrong_options(morse: Any):
    with pytest.raises(SettingsError, match="pitch"):
        morse.MorseSynthesizer(morse.MorseOptions(pitch=1.0))


def test_example_can_be_abandoned(morse: Any):
    async def begin() -> bytes:
        async with morse.MorseSynthesizer() as engine:
            speech = engine.synthesize("sos sos sos")
            first = await anext(speech)
            await speech.aclose()
            return bytes(first)

    assert asyncio.run(begin())


def test_example_reads_more_signs(morse: Any, tmp_path: Path):
    signs = tmp_path / "signs.json"
    options = morse.MorseOptions(signs=str(signs))
    engine = morse.MorseSynthesizer
    assert "correct tts.morse.signs" in engine.missing(options)
    with pytest.raises(NotFound):
        asyncio.run(_said(engine(options), "ä"))
    signs.write_text('{"ä": "x"}', encoding="utf-8")
    with pytest.raises(Unavailable):
        asyncio.run(_said(engine(options), "ä"))
    signs.write_text('{"ä": ".-.-"}', encoding="utf-8")
    assert engine.missing(options) is None
    assert asyncio.run(_said(engine(options), "ä")) > 0


def test_example_is_plugged_in(tmp_path: Path):
    """As an installed package: found by its entry point, with its own settings, and playing to a file."""
    project = tomllib.loads((MORSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = tmp_path / f"voicecli_morse-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    ((group, points),) = project["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("VOICECLI_", "XDG_"))}
    env |= {"HOME": str(tmp_path), "PYTHONPATH": f"{MORSE}{os.pathsep}{tmp_path}"}
    words = ["tts", "sos", "--tts", "morse", "--speed", "2", "--set", "tts.morse.pitch=440"]
    ended = subprocess.run(
        [sys.executable, "-m", "voicecli", *words, "--out", "sos.wav", "--json"],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    record = json.loads(ended.stdout)
    assert (record["engine"], record["ok"], record["chunks"]) == ("morse", True, 3)
    assert (tmp_path / "sos.wav").stat().st_size > 1000


def test_models_in_the_page_work(tmp_path: Path, morse: Any):
    """The two pieces of code that are whole are run: a model, and the check of the example."""
    codes = fenced(page("adding-an-engine.md"), "python")
    (model,) = (code for code in codes if "class Backwards" in code)
    (check,) = (code for code in codes if "asyncio.run(main())" in code)
    (tmp_path / "backwards.py").write_text(model, encoding="utf-8")
    names = runpy.run_path(str(tmp_path / "backwards.py"))
    asked = [names["Message"]("user", "one two three")]

    async def answer() -> str:
        async with names["Backwards"]() as model:
            return "".join([token async for token in model.complete(asked)])

    assert asyncio.run(answer()) == "three two one "
    (tmp_path / "check.py").write_text(check, encoding="utf-8")
    runpy.run_path(str(tmp_path / "check.py"))


def test_errors_for_engines_are_all_named():
    text = section(page("adding-an-engine.md"), "### Errors")
    assert {bare(cells[0]) for cells in rows(text)} == {
        kind.__name__ for kind in ProviderError.__subclasses__()
    }
