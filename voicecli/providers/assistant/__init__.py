"""Answers without a model and without a network: time, dates, sums, units, timers, chance, help."""

from voicecli.providers.assistant.model import Assistant, AssistantOptions

__all__ = ["Assistant", "AssistantOptions"]
