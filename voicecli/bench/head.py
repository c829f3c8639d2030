"""What stands at the head of every report, whatever it is drawn with."""

from __future__ import annotations

from collections.abc import Iterator

from voicecli.bench.metric import Measure, shown
from voicecli.bench.report import BenchReport, Participant

__all__ = ["title", "told"]

_TITLES = {
    "tts": "Time to first audio",
    "talk": "Conversations",
    "turn": "The end of the turn",
    "player": "The player",
    "server": "The server",
}


def title(report: BenchReport) -> str:
    """What was measured, in a few words."""
    return _TITLES.get(report.kind, report.kind)


def told(report: BenchReport) -> Iterator[tuple[str, str]]:
    """What, and on what: the lines above the numbers, each with what it is about."""
    machine = report.machine
    load = "" if machine.load is None else f" · load {machine.load:g}"
    yield "machine", f"{machine.cpu} · {machine.cores} cores{load}"
    about = [report.versions[name] for name in ("python",) if name in report.versions]
    about += [f"voicecli {report.versions[name]}" for name in ("voicecli",) if name in report.versions]
    yield "system", " · ".join([machine.system, *about])
    for participant in report.engines:
        alone = report.kind == participant.stage  # a bench of one stage has only engines of that
        yield ("engine" if alone else participant.stage), _engine(report, participant)
    yield from report.facts.items()
    yield "begun", report.started.replace("T", " ")
    yield "seed", f"{report.seed}, of the order and of the intervals"
    for lack in report.excluded:
        yield "not in it", lack
    for note in report.notes:
        yield "note", note
    if report.interrupted:
        yield "note", "interrupted: this is what was measured until then"


def _engine(report: BenchReport, participant: Participant) -> str:
    more = participant.more
    reason = f" ({participant.reason})" if participant.reason else ""
    said = [f"{participant.engine}{reason}", report.versions.get(participant.engine, "")]
    said += [str(more.get(name) or "") for name in ("format", "voice", "model")]
    if more.get("opened") is not None:
        said.append(f"opened in {shown(float(more['opened']), Measure.TIME)}")
    return " · ".join(part for part in said if part)
