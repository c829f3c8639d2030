"""Everything raised on purpose.

VoiceError                     exit 1: it failed, and this is why
├── UsageError                 exit 2: the command was given something it cannot use
│   ├── SettingsError          a wrong key or value in a file, the environment or a flag
│   └── NoFile                 a file that is not there (a FileNotFoundError, too)
├── DeviceError                exit 3: microphone or loudspeaker
│   ├── NoDevice               there is none, or none of that name
│   └── DeviceLost             it was there and went away
├── LibraryMissing             exit 1: a system library or extra is not installed
├── ProviderError              exit 4: an engine for recognition, thinking or speech
│   ├── Refused                the key or the permission (401, 403)
│   ├── NotFound               the model, the voice or the address (404)
│   ├── RateLimited            too many requests or no quota (429)
│   ├── BadRequest             the provider rejects what was sent (other 4xx)
│   ├── Unavailable            not reachable, or broken on its side (5xx)
│   ├── Dropped                the connection broke in the middle
│   └── TimedOut               no progress within the stage's time-out
├── DecodeError                exit 1: bytes that are not the audio they should be
├── FlowError                  exit 1: streams joined in a way that cannot work
│   ├── FlowStalled            a bounded branch is full and nobody reads it
│   └── NoValue                a stream ended without the value that was to be taken from it
├── WireError                  exit 1: bytes or messages that break their protocol (a ValueError, too)
├── SaveError                  exit 1: a recording or a conversation that could not be written
├── OutputLost                 exit 1: standard output that is closed or full
├── BudgetBreached             exit 5: a latency budget, with --strict
└── TurnError                  exit 1: an event that the turn machine does not allow (a defect of ours)
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from enum import IntEnum
from typing import ClassVar

__all__ = [
    "BadRequest",
    "BudgetBreached",
    "DecodeError",
    "DeviceError",
    "DeviceLost",
    "Dropped",
    "ExitStatus",
    "FlowError",
    "FlowStalled",
    "LibraryMissing",
    "NoDevice",
    "NoFile",
    "NoValue",
    "NotFound",
    "OutputLost",
    "ProviderError",
    "RateLimited",
    "Refused",
    "SaveError",
    "SettingsError",
    "TimedOut",
    "TurnError",
    "Unavailable",
    "UsageError",
    "VoiceError",
    "WireError",
    "causes",
    "read_failure",
]


class ExitStatus(IntEnum):
    """What the process returns."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    NO_DEVICE = 3
    PROVIDER = 4
    BUDGET = 5
    INTERRUPTED = 130


class VoiceError(Exception):
    """What happened, and in `hint` what to do about it.

    `recoverable` says whether a conversation may go on with the next turn.
    """

    status: ClassVar[ExitStatus] = ExitStatus.FAILED
    recoverable: ClassVar[bool] = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = _ended(message)  # what others said in it may lack its full stop
        self.hint = _ended(hint)

    @property
    def kind(self) -> str:
        """The name that the JSON output carries."""
        return type(self).__name__

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(VoiceError):
    status = ExitStatus.USAGE


class SettingsError(UsageError):
    pass


class NoFile(UsageError, FileNotFoundError):
    """`errno` is set as Python's own error has it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.errno = errno.ENOENT


class DeviceError(VoiceError):
    status = ExitStatus.NO_DEVICE


class NoDevice(DeviceError):
    pass


class DeviceLost(DeviceError):
    pass


class LibraryMissing(VoiceError):
    pass


class ProviderError(VoiceError):
    status = ExitStatus.PROVIDER
    recoverable = True


class Refused(ProviderError):
    pass


class NotFound(ProviderError):
    pass


class RateLimited(ProviderError):
    """`retry_after` is in seconds, None when the provider did not say."""

    def __init__(self, message: str, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class BadRequest(ProviderError):
    pass


class Unavailable(ProviderError):
    pass


class Dropped(ProviderError):
    pass


class TimedOut(ProviderError):
    pass


class DecodeError(VoiceError):
    recoverable = True


class FlowError(VoiceError):
    pass


class FlowStalled(FlowError):
    pass


class NoValue(FlowError):
    pass


class WireError(VoiceError, ValueError):
    recoverable = True


class SaveError(VoiceError):
    recoverable = True


class OutputLost(VoiceError):
    pass


class BudgetBreached(VoiceError):
    status = ExitStatus.BUDGET


class TurnError(VoiceError):
    pass


def read_failure(name: object, exc: OSError) -> UsageError:
    """What the operating system's refusal means for who wanted to read the file `name`."""
    match exc.errno:
        case errno.ENOENT:
            return NoFile(f"There is no file {name}.", "Check the name and the folder.")
        case errno.EISDIR:
            return UsageError(f"{name} is a folder.", "Name a file in it.")
        case errno.EACCES | errno.EPERM:
            return UsageError(f"{name} may not be read.", "Check its permissions.")
    return UsageError(f"{name} cannot be read: {exc.strerror or exc}.")


def causes(exc: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, what caused that; of several at once (attempts to connect), the last."""
    seen: set[int] = set()
    link: BaseException | None = exc
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        grouped = link.exceptions[-1] if isinstance(link, BaseExceptionGroup) else None
        link = grouped or link.__cause__ or link.__context__


def _ended(text: str) -> str:
    """`text` as a sentence, for another one may follow it."""
    text = text.rstrip()
    return text if not text or text.rstrip("\"'”’)»`").endswith((".", "!", "?", "…", ":")) else f"{text}."
