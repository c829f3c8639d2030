"""OpenAI and every server that speaks its language, for all three stages."""

from voicecli.providers.openai.language_model import OpenAILanguageModel, OpenAILanguageModelOptions
from voicecli.providers.openai.recognizer import OpenAIRecognizer, OpenAIRecognizerOptions
from voicecli.providers.openai.synthesizer import OpenAISynthesizer, OpenAISynthesizerOptions

__all__ = [
    "OpenAILanguageModel",
    "OpenAILanguageModelOptions",
    "OpenAIRecognizer",
    "OpenAIRecognizerOptions",
    "OpenAISynthesizer",
    "OpenAISynthesizerOptions",
]
