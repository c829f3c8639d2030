"""Hear a conversation from outside: say when one sound server device fell silent and another began to sound.

    python air.py micfeed.monitor speaker.monitor    # Ctrl-C ends it

Each line is one answer: from the last loud sample of the first device to the first loud one of the second. It
knows nothing of voicecli: PulseAudio's own `parec` listens to both.
"""

from __future__ import annotations

import array
import contextlib
import subprocess
import sys
import threading
import time

RATE = 48_000  # samples a second
LOUD = 328  # of 32,768: -40 dBFS
GAP = 0.4  # seconds of silence that end a sound


class Ear:
    """Dates the sounds of one device on the monotonic clock."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.began = float("inf")  # when the recording began, as the chunk that was held up least says
        self.heard = 0  # samples
        self.loud = float("-inf")  # when a loud sample was heard last
        self.onsets: list[float] = []

    def listen(self) -> None:
        """Read what `parec` hears until it ends."""
        format = ("--raw", "--format=s16le", f"--rate={RATE}", "--channels=1")
        command = ["parec", f"--device={self.device}", "--latency-msec=10", *format]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as recorder:
            assert recorder.stdout is not None
            while data := recorder.stdout.read(960):  # 10 ms
                samples = array.array("h", data[: len(data) // 2 * 2])
                self.began = min(self.began, time.monotonic() - (self.heard + len(samples)) / RATE)
                for index, sample in enumerate(samples):
                    if abs(sample) >= LOUD:
                        at = self.began + (self.heard + index) / RATE
                        if at - self.loud > GAP:
                            self.onsets.append(at)
                        self.loud = at
                self.heard += len(samples)


def main() -> None:
    """Print a line for every answer."""
    microphone, speaker = Ear(sys.argv[1]), Ear(sys.argv[2])
    for ear in (microphone, speaker):
        threading.Thread(target=ear.listen, daemon=True).start()
    told = 0
    while True:
        time.sleep(0.1)
        while told < len(speaker.onsets):
            answer = speaker.onsets[told]
            told += 1
            print(f"{(answer - microphone.loud) * 1000:.0f} ms", flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
