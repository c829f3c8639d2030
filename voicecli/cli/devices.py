"""`voicecli devices`: every microphone and loudspeaker."""

from __future__ import annotations

import sys
from dataclasses import asdict

from rich.table import Table

from voicecli.audio.portaudio import NO_DEVICES_HINT, devices
from voicecli.cli.console import SafeConsole
from voicecli.errors import ExitStatus, NoDevice
from voicecli.printable import json_line

__all__ = ["run_devices"]


def run_devices(as_json: bool) -> ExitStatus:
    """Print them. Raises NoDevice when there is no microphone or no loudspeaker, after printing."""
    found = devices()
    if as_json:
        for device in found:
            print(json_line(asdict(device)))
    elif found:
        table = Table("", "device", "host", "microphone", "loudspeaker", "rate", box=None, pad_edge=False)
        for device in found:
            table.add_row(
                str(device.index),
                device.name,
                device.host,
                _role(device.inputs, device.default_input),
                _role(device.outputs, device.default_output),
                f"{device.rate} Hz",
            )
        SafeConsole(width=None if sys.stdout.isatty() else 200).print(table)
    lacking = [
        noun
        for noun, there in (
            ("microphone", any(device.inputs for device in found)),
            ("loudspeaker", any(device.outputs for device in found)),
        )
        if not there
    ]
    if lacking:
        raise NoDevice(f"There is no {' and no '.join(lacking)} on this machine.", NO_DEVICES_HINT)
    return ExitStatus.FINE


def _role(channels: int, default: bool) -> str:
    if not channels:
        return ""
    return f"{channels} ch{', default' if default else ''}"
