"""The command line: what each command takes; the work is in a file of its own, loaded when needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from voicecli import __version__
from voicecli.cli.bench import bench_app
from voicecli.cli.config import config_app
from voicecli.cli.connect import connect
from voicecli.cli.frames import frames_app
from voicecli.cli.history import history_app
from voicecli.cli.invocation import finish, ignore_interrupts, loaded_settings, read_settings
from voicecli.cli.options import (
    Asr,
    Config,
    Json,
    Language,
    Llm,
    Mic,
    Profile,
    RealTime,
    Set,
    Speaker,
    Tts,
    Vad,
    Voice,
)
from voicecli.cli.standard import open_standard_streams
from voicecli.errors import ExitStatus, UsageError, VoiceError

__all__ = ["app", "main"]

_NAME = "voicecli"

app = typer.Typer(
    name=_NAME,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A voice assistant in the terminal that shows where every millisecond went.",
    epilog="""To begin:

\b
  voicecli talk                      talk; without a microphone: talk --text
  voicecli talk --rehearse           look on while the bundled voice asks
  voicecli doctor                    what works here, and what to install""",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voicecli {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(rich_help_panel="Talking")
def talk(
    mic: Mic = None,
    speaker: Speaker = None,
    asr: Asr = None,
    llm: Llm = None,
    tts: Tts = None,
    vad: Vad = None,
    system: Annotated[str | None, typer.Option(help="What the language model is told first.")] = None,
    voice: Voice = None,
    language: Language = None,
    turns: Annotated[int | None, typer.Option(min=1, help="End after so many turns.")] = None,
    text: Annotated[bool, typer.Option("--text", help="Type instead of talking.")] = False,
    push_to_talk: Annotated[
        bool, typer.Option("--push-to-talk", help="A turn lasts from one press of the space bar to the next.")
    ] = False,
    no_barge_in: Annotated[
        bool,
        typer.Option(
            "--no-barge-in",
            help="Do not listen while the answer plays: for loudspeakers that the microphone hears.",
        ),
    ] = False,
    no_speculation: Annotated[
        bool,
        typer.Option("--no-speculation", help="Begin to answer only when the turn has surely ended."),
    ] = False,
    rehearse: Annotated[
        bool,
        typer.Option("--rehearse", help="The bundled voice asks three questions: no microphone needed."),
    ] = False,
    profile: Profile = None,
    config: Config = None,
    settings: Set = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Save the conversation below DIR."),
    ] = None,
    no_save: Annotated[bool, typer.Option("--no-save", help="Keep nothing on the disk.")] = False,
    save_audio: Annotated[
        bool, typer.Option("--save-audio", help="Save the sound of both sides too.")
    ] = False,
    earlier: Annotated[
        str | None,
        typer.Option(
            "--continue",
            metavar="[ID]",
            help="Go on with a saved conversation; without ID the latest with words in it.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 5 if a latency budget was breached."),
    ] = False,
    json: Json = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="With --json: every token too.")] = False,
    prometheus: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65535,
            help="Show the spans of all turns at http://127.0.0.1:PORT/metrics.",
        ),
    ] = None,
    otlp: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Send a trace of every turn to this OpenTelemetry collector."),
    ] = None,
    real_time: RealTime = True,
) -> None:
    """Hold a spoken conversation.

    Speak, wait for the answer, and speak over it to interrupt. After every turn a line shows how long you
    waited for it and for what. The conversation is saved as text unless you say `--no-save`; its sound only
    with `--save-audio`.
    """
    if no_save and (save is not None or save_audio):
        raise UsageError("--no-save keeps nothing, so --save and --save-audio cannot be given with it.")
    if text and (mic is not None or rehearse or push_to_talk):
        raise UsageError("--text needs no microphone: leave --mic, --rehearse and --push-to-talk out.")
    if rehearse and (mic is not None or push_to_talk):
        raise UsageError("--rehearse asks by itself: leave --mic and --push-to-talk out.")
    overrides = {
        "mic.device": mic,
        "speaker.device": speaker,
        "asr.engine": asr,
        "llm.engine": llm,
        "tts.engine": tts,
        "vad.engine": vad,
        "conversation.system": system,
        "conversation.language": language,
        "conversation.barge_in": False if no_barge_in else None,
        "conversation.speculation": False if no_speculation else None,
        "conversation.push_to_talk": True if push_to_talk else None,
        "save.folder": None if save is None else str(save),
    }
    loaded = loaded_settings(config, profile, settings, overrides)
    from voicecli.cli.talk import TalkRequest, run_talk

    keep = loaded.settings.save
    request = TalkRequest(
        text=text,
        rehearse=rehearse,
        push_to_talk=loaded.settings.conversation.hearing.push_to_talk,
        real_time=real_time,
        turns=turns,
        voice=voice,
        save=not no_save and (keep.enabled or save is not None),
        save_audio=save_audio or (keep.audio and not no_save),
        earlier=earlier,
        strict=strict,
        json=json,
        verbose=verbose,
        prometheus=prometheus,
        otlp=otlp,
    )
    finish(run_talk(loaded, request))


@app.command(rich_help_panel="Talking")
def tts(
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT|-]", help="What to say; `-` reads standard input.")
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Read the text from a file.")] = None,
    tts: Tts = None,
    voice: Voice = None,
    language: Language = None,
    speed: Annotated[float | None, typer.Option(min=0.25, max=5.0, help="Times the normal pace.")] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="pcm|wav|mp3|opus|aac|flac",
            help="What the engine is asked to send, where it can choose, and what --out is written in.",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Write the speech to a file instead of playing it (with --speaker: as well).",
        ),
    ] = None,
    speaker: Speaker = None,
    voices: Annotated[bool, typer.Option("--list-voices", help="List the engine's voices.")] = False,
    profile: Profile = None,
    config: Config = None,
    settings: Set = None,
    json: Json = False,
) -> None:
    """Speak a text.

    It plays from its first phrase on, while the rest is still being made.
    """
    from voicecli.audio.format import Codec

    if format is not None and format not in list(Codec):
        raise UsageError(f"There is no format {format!r}.", f"Formats are {', '.join(Codec)}.")
    loaded = loaded_settings(
        config,
        profile,
        settings,
        {"tts.engine": tts, "speaker.device": speaker, "conversation.language": language},
    )
    from voicecli.cli.tts import TtsRequest, list_voices, read_text, run_tts

    if voices:
        finish(list_voices(loaded, json))
        return
    request = TtsRequest(
        text=read_text(text, file),
        voice=voice,
        speed=speed,
        codec=None if format is None else Codec(format),
        out=out,
        play=out is None or speaker is not None,
        json=json,
    )
    finish(run_tts(loaded, request))


@app.command(rich_help_panel="Talking")
def listen(
    mic: Mic = None,
    asr: Asr = None,
    vad: Vad = None,
    language: Language = None,
    interim: Annotated[
        bool,
        typer.Option("--interim", help="Show transcripts that may still change."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write .srt, .vtt, .txt or .jsonl."),
    ] = None,
    profile: Profile = None,
    config: Config = None,
    settings: Set = None,
    json: Json = False,
    real_time: Annotated[
        bool | None,
        typer.Option("--real-time/--fast", help="How files are heard; fast unless told."),
    ] = None,
) -> None:
    """Write down what a microphone or a recording says."""
    loaded = loaded_settings(
        config,
        profile,
        settings,
        {"mic.device": mic, "asr.engine": asr, "vad.engine": vad, "conversation.language": language},
    )
    from voicecli.cli.listen import ListenRequest, run_listen

    finish(run_listen(loaded, ListenRequest(interim=interim, json=json, out=out, real_time=real_time)))


@app.command(rich_help_panel="Talking")
def replay(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="[ID|FILE]",
            help="A saved conversation, or a recording; without one the latest.",
            show_default=False,
        ),
    ] = "",
    speaker: Speaker = None,
    asr: Asr = None,
    llm: Llm = None,
    tts: Tts = None,
    vad: Vad = None,
    voice: Voice = None,
    language: Language = None,
    settings: Set = None,
    profile: Profile = None,
    config: Config = None,
    save: Annotated[bool, typer.Option("--save", help="Save what comes of it as a conversation.")] = False,
    json: Json = False,
    real_time: RealTime = True,
) -> None:
    """Hold a saved conversation again under other settings, and compare.

    What the microphone heard is heard again if it was saved with `--save-audio`; otherwise what was
    understood is typed. The answers go nowhere unless `--speaker` says where.
    """
    overrides = {
        "speaker.device": speaker,
        "asr.engine": asr,
        "llm.engine": llm,
        "tts.engine": tts,
        "vad.engine": vad,
        "conversation.language": language,
    }
    loaded = loaded_settings(config, profile, settings, overrides)
    from voicecli.cli.replay import run_replay
    from voicecli.cli.talk import TalkRequest

    request = TalkRequest(voice=voice, save=save, json=json, real_time=real_time)
    finish(run_replay(loaded, wanted, request))


@app.command(rich_help_panel="Serving")
def serve(
    host: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="Where to listen; any but this machine's own takes a token."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="TCP port; 0 takes any that is free.")
    ] = None,
    asr: Asr = None,
    llm: Llm = None,
    tts: Tts = None,
    vad: Vad = None,
    workers: Annotated[
        int | None, typer.Option(min=0, max=256, help="Processes that recognise; 0: one a processor but one.")
    ] = None,
    otlp: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Send traces to an OpenTelemetry collector."),
    ] = None,
    profile: Profile = None,
    config: Config = None,
    settings: Set = None,
    json: Json = False,
) -> None:
    """Recognise speech for others, over WebSockets.

    Ends on SIGTERM or Ctrl-C, when the sessions that are open have finished what is under way; a second one
    ends it at once. SIGHUP reads the settings and the tokens again.
    """
    overrides = {
        "server.host": host,
        "server.port": port,
        "asr.engine": asr,
        "llm.engine": llm,
        "tts.engine": tts,
        "vad.engine": vad,
        "server.workers": workers,
        "server.otlp": otlp,
    }
    loaded = loaded_settings(config, profile, settings, overrides)
    from voicecli.cli.serve import ServeRequest, event_loop, run_serve

    request = ServeRequest(json=json, again=partial(read_settings, config, profile, settings, overrides))
    finish(run_serve(loaded, request), event_loop())


@app.command(rich_help_panel="This machine")
def devices(json: Json = False) -> None:
    """List microphones and loudspeakers; exits with 3 when one of them is lacking."""
    from voicecli.cli.devices import run_devices

    run_devices(json)


@app.command(rich_help_panel="This machine")
def doctor(
    mic: Mic = None,
    speaker: Speaker = None,
    profile: Profile = None,
    config: Config = None,
    settings: Set = None,
    report: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-", help="Write it as Markdown for a bug report, without anything secret."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Play no sound: leaves out the round trip.")] = False,
    json: Json = False,
) -> None:
    """Say what works here, and what to do about the rest.

    Opens the microphone and the loudspeaker for half a second, then plays a soft sweep of a quarter of a
    second and listens for it. Exits with 0 when a conversation works, 3 when only devices are lacking, 4 when
    an engine's server cannot be used, 1 otherwise.
    """
    if json and report == "-":
        raise UsageError("--json and --report - both want standard output.", "Give the report a file.")
    from voicecli.cli.doctor import run_doctor

    overrides = {"mic.device": mic, "speaker.device": speaker}
    finish(run_doctor(lambda: loaded_settings(config, profile, settings, overrides), json, report, quiet))


app.add_typer(bench_app, name="bench")
app.command(rich_help_panel="Serving")(connect)
app.add_typer(history_app, name="history")
app.add_typer(config_app, name="config")
app.add_typer(frames_app, name="frames")


def _complain(error: VoiceError) -> None:
    from voicecli.cli.console import SafeConsole
    from voicecli.cli.screen import failure_text

    SafeConsole(stderr=True, soft_wrap=True).print(failure_text(error.message, error.hint))


def _with_optional_values(words: list[str]) -> list[str]:
    """Let `--continue` stand alone: Typer knows no option whose value may be left out."""
    return [
        "--continue=" if word == "--continue" and following.startswith("-") else word
        for word, following in pairwise([*words, "-"])
    ]


def main() -> None:
    """Run the command line; every way out has its exit status."""
    open_standard_streams()
    status = _status(_run)
    # Now, and not when Python ends, which would complain in its own way.
    written = _status(sys.stdout.flush, quiet=bool(status))
    sys.exit(status or written)


def _run() -> None:
    # The shells' completion comes by variables of the environment that bear the program's name.
    app(args=_with_optional_values(sys.argv[1:]) or ["--help"], prog_name=_NAME)


def _status(work: Callable[[], None], *, quiet: bool = False) -> int | str | None:
    """What the process is to return for how `work` ends, after saying why unless `quiet`."""
    try:
        work()
    except SystemExit as end:
        return end.code
    except VoiceError as error:
        if not quiet:
            _complain(error)
        return error.status
    except KeyboardInterrupt:
        ignore_interrupts()
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone
        return ExitStatus.FAILED
    return None
