"""OpenAI and every server that speaks its language, for all three stages."""

from voicecli.providers.openai.audio_speech import OpenAISynthesizer, OpenAISynthesizerOptions
from voicecli.providers.openai.chat_completions import OpenAILanguageModel, OpenAILanguageModelOptions
from voicecli.providers.openai.transcriptions import OpenAIRecognizer, OpenAIRecognizerOptions

__all__ = [
    "OpenAILanguageModel",
    "OpenAILanguageModelOptions",
    "OpenAIRecognizer",
    "OpenAIRecognizerOptions",
    "OpenAISynthesizer",
    "OpenAISynthesizerOptions",
]
