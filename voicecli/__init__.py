"""A voice assistant in the terminal."""

import os

__version__ = "0.1.0"

# Libraries that report to their makers are told not to, before any of them is imported: onnxruntime would
# keep a number for this machine in the user's cache and send what it ran on, Hugging Face's what it fetched.
for _silence in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ[_silence] = os.environ.get(_silence) or "1"
