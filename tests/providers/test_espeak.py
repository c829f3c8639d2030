"""The bundled voice, on the real library."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np
import pytest

from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import NotFound, SettingsError
from voicecli.providers.espeak import EspeakOptions, EspeakSynthesizer
from voicecli.providers.synthesizer import spoken_language

LONG = "The quick brown fox jumps over the lazy dog. " * 400


async def _say(engine: EspeakSynthesizer, text: str) -> bytes:
    return b"".join([chunk async for chunk in engine.synthesize(text)])


def _spoken(text: str, **options: Any) -> bytes:
    async def run() -> bytes:
        async with EspeakSynthesizer(EspeakOptions(**options)) as engine:
            return await _say(engine, text)

    return asyncio.run(run())


def _run(program: str, **environment: str) -> str:
    """Run a Python program; nothing but its own output may appear."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


SAY = """
import asyncio, logging
logging.getLogger("asyncio").setLevel(logging.ERROR)  # a busy machine is slow, and no mistake
from voicecli.providers.espeak import EspeakOptions, EspeakSynthesizer
from voicecli.providers.synthesizer import spoken_language
async def say(text="Hello there.", **options):
    async with EspeakSynthesizer(EspeakOptions(**options)) as engine:
        return b"".join([chunk async for chunk in engine.synthesize(text)])
"""


def test_nothing_is_missing() -> None:
    assert EspeakSynthesizer.missing(EspeakOptions()) is None


def test_speech_is_audible() -> None:
    samples = np.frombuffer(_spoken("Hello there."), "<i2")
    assert 0.5 < len(samples) / 22_050 < 1.5
    assert np.abs(samples.astype(int)).max() > 5_000


def test_format_is_the_librarys() -> None:
    async def run() -> StreamFormat:
        async with EspeakSynthesizer() as engine:
            return engine.format

    assert asyncio.run(run()) == StreamFormat(Codec.PCM, 22_050, 1)


def test_sound_comes_in_chunks() -> None:
    async def run() -> list[int]:
        async with EspeakSynthesizer() as engine:
            return [len(chunk) async for chunk in engine.synthesize(LONG)]

    sizes = asyncio.run(run())
    assert len(sizes) > 10


@pytest.mark.parametrize("text", ["", "  \n", "...", "—", "\0", "\ud800", "\x07\x08"])
def test_nothing_to_say(text: str) -> None:
    assert _spoken(text) == b""


def test_nul_does_not_cut() -> None:
    assert len(_spoken("one\0two three four")) > 1.5 * len(_spoken("one"))


def test_markup_is_read_aloud() -> None:
    assert len(_spoken("<b>hi</b>")) > len(_spoken("hi"))


@pytest.mark.parametrize("text", ["日本語", "Привет", "🙂", "a\u0301\u202e"])
def test_any_script(text: str) -> None:
    assert _spoken(text)


def test_speed_shortens() -> None:
    usual = len(_spoken("The quick brown fox jumps over the lazy dog"))
    assert len(_spoken("The quick brown fox jumps over the lazy dog", speed=2.0)) < 0.7 * usual
    assert len(_spoken("The quick brown fox jumps over the lazy dog", speed=0.5)) > 1.5 * usual


def test_volume_scales() -> None:
    loud = np.abs(np.frombuffer(_spoken("Hello"), "<i2").astype(int)).max()
    soft = np.abs(np.frombuffer(_spoken("Hello", volume=0.25), "<i2").astype(int)).max()
    assert soft < 0.5 * loud


@pytest.mark.parametrize(
    ("field", "value"), [("speed", 0.2), ("speed", 9.0), ("pitch", 101), ("volume", 0.0)]
)
def test_option_out_of_range(field: str, value: float) -> None:
    with pytest.raises(SettingsError, match=field):
        EspeakSynthesizer(EspeakOptions(**{field: value}))


def test_pause_follows_punctuation() -> None:
    assert len(_spoken("Yes.")) - len(_spoken("Yes.", pause=False)) > 0.1 * 44_100
    assert abs(len(_spoken("Yes")) - len(_spoken("Yes", pause=False))) < 0.05 * 44_100


@pytest.mark.parametrize(
    "voice", ["en-us", "EN_US", "gmw/en-US", "English (America)", "en-gb+f3", "+f3", "en-us+Mr serious"]
)
def test_voice_names(voice: str) -> None:
    assert _spoken("Hello", voice=voice)


def test_variant_changes_the_voice() -> None:
    assert _spoken("Hello there", voice="en-us+f3") != _spoken("Hello there", voice="en-us")


@pytest.mark.parametrize(
    ("language", "file"),
    [
        ("en", "gmw/en-US"),
        ("en-GB", "gmw/en"),
        ("en-AU", "gmw/en-US"),
        ("de-AT", "gmw/de"),
        ("fr", "roa/fr"),
        ("pt-BR", "roa/pt-BR"),
        ("zh-Hant-TW", "sit/cmn"),
        ("no", "gmq/nb"),
    ],
)
def test_language_chooses(language: str, file: str) -> None:
    async def run() -> tuple[bytes, bytes]:
        named, chosen = EspeakOptions(voice=file), EspeakOptions(language=language)
        async with EspeakSynthesizer(named) as first, EspeakSynthesizer(chosen) as second:
            return await _say(first, "1, 2, 3, 4"), await _say(second, "1, 2, 3, 4")

    first, second = asyncio.run(run())
    assert abs(len(first) - len(second)) < 0.02 * len(first)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"voice": "germn"}, "German"),
        ({"voice": "en-us+fx"}, "variant"),
        ({"language": "xx"}, "It speaks: af"),
        ({"voice": "fo"}, "no voice 'fo'"),  # listed by espeak-ng, but its dictionary is not in the wheel
    ],
)
def test_unknown_voice(options: dict[str, str], says: str) -> None:
    with pytest.raises(NotFound, match=says):
        _spoken("Hello", **options)


def test_voices_are_listed() -> None:
    async def run() -> list[str]:
        voices = await EspeakSynthesizer().voices()
        assert [v.language for v in voices if v.name == "en-us"] == ["en-US"]
        return [v.name for v in voices]

    names = asyncio.run(run())
    assert len(names) == len(set(names)) > 200
    assert "+f3" in names
    assert "fo" not in names


def test_every_voice_speaks_quietly() -> None:
    """No voice makes espeak-ng write to the terminal."""
    program = (
        SAY
        + """
async def everyone():
    voices = await EspeakSynthesizer().voices()
    for voice in voices:
        assert await say("Hello 12", voice=voice.name), voice
asyncio.run(everyone())
"""
    )
    assert _run(program) == ""


def test_calls_overlap() -> None:
    async def run() -> tuple[list[int], int]:
        async with EspeakSynthesizer() as engine, EspeakSynthesizer(EspeakOptions(voice="de")) as other:
            texts = ["one", "one two three", "one two three four five six"]
            spoken = await asyncio.gather(*(_say(e, text) for text in texts for e in (engine, other)))
            return [len(sound) for sound in spoken], len(await _say(engine, texts[1]))

    together, alone = asyncio.run(run())
    assert together[0] < together[2] < together[4]
    assert abs(together[2] - alone) < 0.02 * alone


def test_unread_phrase_does_not_block_the_next() -> None:
    async def run() -> int:
        async with EspeakSynthesizer() as engine:
            first = engine.synthesize(LONG)
            await anext(first)
            second = await asyncio.wait_for(_say(engine, "next"), 30)
            rest = [chunk async for chunk in first]
            assert sum(map(len, rest)) > 100 * 44_100
            return len(second)

    assert asyncio.run(run()) > 0


def test_unread_phrase_waits() -> None:
    """Back-pressure: a reader who does not read is not buried in sound."""

    async def run() -> int:
        async with EspeakSynthesizer() as engine:
            stream = engine.synthesize(LONG)
            await anext(stream)
            await asyncio.sleep(0.2)
            size = len(await anext(stream))
            await stream.aclose()
            return size

    assert asyncio.run(run()) < 6 * 44_100


def test_closing_early_frees_espeak() -> None:
    async def run() -> bool:
        async with EspeakSynthesizer() as engine:
            stream = engine.synthesize(LONG * 50)
            await anext(stream)
            await stream.aclose()
            return bool(await asyncio.wait_for(_say(engine, "next"), 5))

    assert asyncio.run(run())


def test_cancelled_while_waiting() -> None:
    async def run() -> bool:
        async with EspeakSynthesizer() as engine:
            stream = engine.synthesize(LONG)
            await anext(stream)
            waiting = asyncio.create_task(_say(engine, "never heard"))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await stream.aclose()
            return bool(await _say(engine, "next"))

    assert asyncio.run(run())


def test_loop_stays_responsive() -> None:
    async def run() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        async with EspeakSynthesizer() as engine:
            ticking = asyncio.create_task(tick())
            await _say(engine, LONG)
            ticking.cancel()
        return ticks

    assert asyncio.run(run()) > 10


def test_leaving_in_the_middle_is_clean() -> None:
    program = (
        SAY
        + """
async def leave():
    stream = EspeakSynthesizer().synthesize("on and on. " * 20000)
    await anext(stream)
    raise SystemExit(0)
asyncio.run(leave())
"""
    )
    assert _run(program) == ""


def test_abandoned_loop_does_not_hang() -> None:
    program = (
        SAY
        + """
loop = asyncio.new_event_loop()
stream = EspeakSynthesizer().synthesize("on and on. " * 20000)
loop.run_until_complete(anext(stream))
loop.close()
print(len(asyncio.run(say())) > 0)
import os, sys
sys.stdout.flush()
os._exit(0)
"""
    )
    assert _run(program) == "True\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_fork_starts_over() -> None:
    program = (
        SAY
        + """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside a thread is what is tested
before = asyncio.run(say())
child = os.fork()
if not child:
    os._exit(0 if abs(len(asyncio.run(say())) - len(before)) < 2000 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )
    assert _run(program) == "0\n"


def test_long_install_path(tmp_path: Path) -> None:
    package = Path(espeakng_loader.__file__).parent
    folder = tmp_path / ("x" * 100) / ("y" * 100) / "espeakng_loader"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text((package / "__init__.py").read_text())
    for name in (Path(espeakng_loader.get_library_path()).name, "espeak-ng-data"):
        (folder / name).symlink_to(package / name)
    shorter = tmp_path / "t"
    shorter.mkdir()
    path = os.pathsep.join([str(folder.parent), *sys.path])
    # The temporary folder of a test can itself be long; then the error has to say so.
    program = SAY + "print(len(asyncio.run(say('Hello there.', voice='en-us-nyc'))) > 20000)"
    assert _run(program, PYTHONPATH=path, TMPDIR="/tmp") == "True\n"


def test_damaged_data_is_reported(tmp_path: Path) -> None:
    package = Path(espeakng_loader.__file__).parent
    folder = tmp_path / "espeakng_loader"
    folder.mkdir()
    (folder / "__init__.py").write_text((package / "__init__.py").read_text())
    name = Path(espeakng_loader.get_library_path()).name
    (folder / name).symlink_to(package / name)
    (folder / "espeak-ng-data").mkdir()
    (folder / "espeak-ng-data" / "phontab").write_bytes(b"")
    program = (
        SAY
        + """
from voicecli.errors import Unavailable
try:
    asyncio.run(say())
except Unavailable as exc:
    print(exc.message.startswith("espeak-ng does not start"))
"""
    )
    assert _run(program, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path])) == "True\n"


@pytest.mark.parametrize(
    ("options", "language"),
    [({"voice": "de"}, "de"), ({"voice": "German+f2"}, "de"), ({}, "en-US"), ({"language": "fr-CA"}, "fr")],
)
def test_language_of_the_voice(options: dict[str, str], language: str):
    async def run() -> str:
        async with EspeakSynthesizer(EspeakOptions(**options)) as engine:
            return spoken_language(engine)

    assert asyncio.run(run()) == language
