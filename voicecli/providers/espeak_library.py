"""espeak-ng's C library: loading it, its voices, and speech into a callback; to be used from one thread.

The library and its data come from the `espeakng_loader` wheel. The functions are described in
`espeak-ng/speak_lib.h` and `espeak-ng/espeak_ng.h`.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from voicecli.errors import NotFound, Unavailable
from voicecli.providers.synthesizer import Voice, nearest_voices

__all__ = ["EspeakLibrary", "library_file"]

CHUNK = 40  # milliseconds of sound a callback
LONGEST_PATH = 140  # bytes of data path; espeak-ng keeps it, with a file's name appended, in 160
REINSTALL = "Install it again: pip install --force-reinstall espeakng-loader"
PREFERRED = {"en": "en-us", "zh": "cmn", "zh-hk": "yue", "zh-mo": "yue", "iw": "he", "in": "id", "sh": "hr"}


def library_file() -> Path:
    """The shared library in the wheel."""
    import espeakng_loader

    return Path(espeakng_loader.get_library_path())


class _VoiceRecord(ctypes.Structure):
    """espeak_VOICE in speak_lib.h."""

    _fields_: ClassVar[Any] = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),  # (priority byte, name, NUL)…, NUL
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


@dataclass(frozen=True, slots=True)
class _EspeakVoice:
    name: str  # ours: the first language it speaks, or its file's name where that is taken
    identifier: str  # its file, below `voices`; the only name that espeak-ng never confuses
    title: str
    languages: tuple[str, ...]  # lower case, first the best
    gender: str


class EspeakLibrary:
    """espeak-ng's own functions. Raises Unavailable when the library or its data cannot be used."""

    def __init__(self) -> None:
        data = _data_folder()
        try:
            self._c = ctypes.CDLL(str(library_file()))
        except OSError as exc:
            raise Unavailable(f"espeak-ng does not load: {exc}.", REINSTALL) from exc
        self._declare()
        # The espeak_ng_ functions give a status where espeak_Initialize prints and leaves the process.
        self._c.espeak_ng_InitializePath(os.fsencode(_short(data)))
        self._ensure(self._c.espeak_ng_Initialize(None), "espeak-ng does not start")
        synchronous = 1
        status = self._c.espeak_ng_InitializeOutput(synchronous, CHUNK, None)
        self._ensure(status, "espeak-ng does not start")
        self.rate = int(self._c.espeak_ng_GetSampleRate())
        self._sink: Callable[[bytes], bool] | None = None
        self._callback = self._callback_type(self._receive)  # kept: C holds only its address
        self._c.espeak_SetSynthCallback(self._callback)
        self._chosen = ""
        voices = [_voice(record) for record in self._listed(None)]
        self._voices = _named(v for v in voices if _has_dictionary(data, v.identifier))
        variants = [_voice(record) for record in self._listed(b"variant")]
        self._variants = {v.identifier.partition("/")[2]: v for v in variants}

    def _declare(self) -> None:
        number, text, anything = ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p
        self._callback_type = ctypes.CFUNCTYPE(number, anything, number, anything)
        voices = ctypes.POINTER(ctypes.POINTER(_VoiceRecord))
        unsigned = ctypes.c_uint
        functions: dict[str, tuple[Any, ...]] = {  # what each gives, and takes
            "espeak_ng_InitializePath": (None, text),
            "espeak_ng_Initialize": (number, anything),
            "espeak_ng_InitializeOutput": (number, number, number, text),
            "espeak_ng_GetStatusCodeMessage": (None, number, text, ctypes.c_size_t),
            "espeak_SetSynthCallback": (None, self._callback_type),
            "espeak_ListVoices": (voices, anything),
            "espeak_ng_SetVoiceByName": (number, text),
            "espeak_SetParameter": (number, number, number, number),
            "espeak_ng_Synthesize": (
                *(number, text, ctypes.c_size_t, unsigned, number),
                *(unsigned, unsigned, anything, anything),
            ),
        }
        for name, (gives, *takes) in functions.items():
            function = getattr(self._c, name)
            function.restype, function.argtypes = gives, takes

    def _ensure(self, status: int, message: str) -> None:
        if status:
            text = ctypes.create_string_buffer(512)
            self._c.espeak_ng_GetStatusCodeMessage(status, text, len(text))
            raise Unavailable(f"{message}: {text.value.decode(errors='replace')}.")

    def speak(self, text: str, *, pause: bool, sink: Callable[[bytes], bool]) -> None:
        """Give `sink` the chunks of `text` until it returns False."""
        data = text.encode()
        flags = 1 | (0x1000 if pause else 0)  # UTF-8, no SSML, no phoneme codes; espeakENDPAUSE
        self._sink = sink
        try:
            status = self._c.espeak_ng_Synthesize(data, len(data) + 1, 0, 1, 0, flags, None, None)
        finally:
            self._sink = None
        self._ensure(status, "espeak-ng could not speak")

    def _receive(self, samples: int | None, count: int, _events: int | None) -> int:
        """The synthesis callback; 1 stops espeak-ng. An exception here would only be printed."""
        if not samples or count <= 0:
            return 0
        return 0 if self._sink is not None and self._sink(ctypes.string_at(samples, 2 * count)) else 1

    def choose(self, identifier: str) -> None:
        if identifier != self._chosen:
            self._chosen = ""
            status = self._c.espeak_ng_SetVoiceByName(identifier.encode())
            self._ensure(status, f"espeak-ng could not load its voice {identifier}")
            self._chosen = identifier

    def tune(self, rate: int, pitch: int, volume: int) -> None:
        for parameter, value in ((1, rate), (2, volume), (3, pitch)):  # espeak_PARAMETER
            self._c.espeak_SetParameter(parameter, value, 0)

    def find(self, voice: str, language: str) -> str:
        """The identifier, with its variant, of a voice; of the language's own when `voice` is empty.

        Raises NotFound, naming the nearest ones.
        """
        wanted, _, variant = voice.partition("+")
        if wanted.strip():
            base = self._match(wanted)
            if base is None:
                raise NotFound(
                    f"espeak has no voice {wanted!r}.", nearest_voices("espeak", wanted, self._names())
                )
        else:
            base = self._speaker(language)
        if not variant.strip():
            return base
        names = {name.casefold(): name for name in self._variants}
        names |= {v.title.casefold(): name for name, v in self._variants.items()}
        if (file := names.get(variant.strip().casefold())) is None:
            raise NotFound(
                f"espeak has no variant {variant!r}.", nearest_voices("espeak", variant, self._variants, "+")
            )
        return f"{base}+{file}"

    def _match(self, wanted: str) -> str | None:
        key = wanted.strip().casefold().replace("_", "-")
        ways: tuple[Callable[[_EspeakVoice], Iterable[str]], ...] = (
            lambda v: (v.name,),
            lambda v: (v.identifier.casefold(), v.identifier.rpartition("/")[2].casefold()),
            lambda v: (v.title.casefold(),),
            lambda v: v.languages,
        )
        return next((v.identifier for names in ways for v in self._voices if key in names(v)), None)

    def _speaker(self, language: str) -> str:
        """The voice of a BCP 47 tag, or of the longest beginning of it that has one."""
        tag = language.strip().casefold().replace("_", "-")
        while tag:
            found = self._match(PREFERRED.get(tag, tag))
            if found is not None:
                return found
            tag = tag.rpartition("-")[0]
        languages = sorted({v.languages[0].partition("-")[0] for v in self._voices})
        raise NotFound(f"espeak does not speak {language!r}.", f"It speaks: {', '.join(languages)}.")

    def _names(self) -> list[str]:
        return [v.name for v in self._voices] + [v.title for v in self._voices]

    def listing(self) -> list[Voice]:
        """Every voice by language and name, then every variant."""
        voices = [
            Voice(v.name, _tag(v.languages[0]), ", ".join(filter(None, (v.title, v.gender))))
            for v in self._voices
        ]
        what = "variant of any voice, as in en-us+"
        variants = [
            Voice(f"+{name}", "", ", ".join(filter(None, (what + name, v.gender))))
            for name, v in self._variants.items()
        ]
        return [
            *sorted(voices, key=lambda voice: (voice.language.casefold(), voice.name)),
            *sorted(variants, key=lambda voice: voice.name.casefold()),
        ]

    def _listed(self, language: bytes | None) -> Iterator[_VoiceRecord]:
        """espeak-ng's list of voices, or with the language "variant", of variants."""
        wanted = _VoiceRecord()
        if language is not None:
            text = ctypes.create_string_buffer(language + b"\0")
            wanted.languages = ctypes.cast(text, ctypes.POINTER(ctypes.c_char))
        records = self._c.espeak_ListVoices(None if language is None else ctypes.byref(wanted))
        index = 0
        while records and records[index]:
            yield records[index].contents
            index += 1


def _voice(record: _VoiceRecord) -> _EspeakVoice:
    languages = []
    at = 0
    while record.languages[at] != b"\0":
        name = ctypes.string_at(ctypes.addressof(record.languages.contents) + at + 1)  # after the priority
        languages.append(name.decode(errors="replace").casefold())
        at += len(name) + 2
    return _EspeakVoice(
        languages[0] if languages else "",
        record.identifier.decode(errors="replace"),
        record.name.decode(errors="replace").strip(),
        tuple(languages),
        {1: "male", 2: "female"}.get(record.gender, ""),
    )


def _named(voices: Iterable[_EspeakVoice]) -> list[_EspeakVoice]:
    """Give each voice a name of its own."""
    named: dict[str, _EspeakVoice] = {}
    for voice in voices:
        name = voice.name if voice.name not in named else voice.identifier.rpartition("/")[2].casefold()
        named[name] = replace(voice, name=name)
    return list(named.values())


def _has_dictionary(data: Path, identifier: str) -> bool:
    """Whether a voice can speak: without its dictionary espeak-ng complains on stderr and is silent."""
    try:
        lines = (data / "lang" / identifier).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    words = [line.split() for line in lines]
    named = [w[1] for w in words if len(w) > 1 and w[0] == "dictionary"]
    named += [w[1].partition("-")[0] for w in words if len(w) > 1 and w[0] == "language"]
    return bool(named) and (data / f"{named[0]}_dict").exists()


def _tag(language: str) -> str:
    """en-us to en-US, zh-hant to zh-Hant."""
    first, *rest = language.split("-")
    shaped = (part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in rest)
    return "-".join([first, *shaped])


def _data_folder() -> Path:
    data = library_file().parent / "espeak-ng-data"
    if not (data / "phontab").exists():
        raise Unavailable(f"espeak-ng's voices are not in {data}.", REINSTALL)
    return data


def _short(data: Path) -> Path:
    """A path to the data that fits into espeak-ng's buffers: a link in the temporary folder when need be."""
    if len(os.fsencode(data)) <= LONGEST_PATH:
        return data
    try:
        folder = Path(tempfile.mkdtemp(prefix="voicecli-"))
        link = folder / "espeak-ng-data"
        link.symlink_to(data, target_is_directory=True)
    except OSError as exc:
        text = f"{data} is too long a path for espeak-ng, and a link to it failed: {exc}."
        raise Unavailable(text) from exc
    if len(os.fsencode(link)) > LONGEST_PATH:
        shutil.rmtree(folder)
        raise Unavailable(
            f"{data} is too long a path for espeak-ng, and so is {folder}.",
            "Install voicecli in a shorter one, or set TMPDIR to a shorter one.",
        )
    owner = os.getpid()
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == owner else None)
    return link
