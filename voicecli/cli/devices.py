"""`voicecli devices`: every microphone and loudspeaker."""

from __future__ import annotations

from dataclasses import asdict

from rich.table import Table

from voicecli.cli.console import print_json, tabular
from voicecli.cli.options import Json, group, spread
from voicecli.errors import NoDevice

__all__ = ["app", "list_devices"]


app = group()


@app.command("devices")
@spread
def list_devices(json: Json = False) -> None:
    """List microphones and loudspeakers; exits with 3 when one of them is lacking."""
    from voicecli.audio.portaudio import NO_DEVICES_HINT, devices

    found = devices()
    if json:
        for device in found:
            print_json(asdict(device))
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
        tabular().print(table)
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


def _role(channels: int, default: bool) -> str:
    if not channels:
        return ""
    return f"{channels} ch{', default' if default else ''}"
