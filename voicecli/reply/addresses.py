"""Addresses: URLs, e-mail addresses, domains and file names in words."""

from __future__ import annotations

import re

__all__ = ["said_addresses", "said_hosts"]

# "dot" and "at", where a language says them in a way of its own.
_WORDS = {
    "en": ("dot", "at"),
    "de": ("Punkt", "at"),
    "fr": ("point", "arobase"),
    "es": ("punto", "arroba"),
    "it": ("punto", "chiocciola"),
    "pt": ("ponto", "arroba"),
    "nl": ("punt", "apenstaartje"),
    "sv": ("punkt", "snabel-a"),
    "da": ("punktum", "snabel-a"),
    "pl": ("kropka", "małpa"),
    "ru": ("точка", "собака"),
    "uk": ("крапка", "собака"),
}
_URL = re.compile(
    r"\b(?:https?|ftp|wss?|git|ssh)://(?:[^\s/@]*@)?([^\s/?#<>\"')\]}]*)([^\s<>\"]*)", re.IGNORECASE
)
_MAIL = re.compile(r"(?:mailto:)?(?<![\w.+-])([\w.+-]{1,64})@([\w-]+(?:\.[\w-]+)+)")
_DOMAIN = re.compile(
    r"(?<![\w@./-])((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
    r"(?:com|org|net|io|dev|ai|app|edu|gov|info|co\.uk|co|uk|de|fr|es|it|eu|us|ca|ch|at|nl|me|tv|gg|xyz|cloud)(?::\d{1,5})?)"
    r"(?:/[^\s<>\"]*)?(?![\w-])",
    re.IGNORECASE,
)
_FILE = re.compile(
    r"(?<![\w.])((?:[\w-]{1,64}/){0,8}[\w-]{1,64}(?:\.[\w-]{1,64}){0,8})\."
    r"(pyi?|jsx?|tsx?|mjs|json|jsonl|ya?ml|toml|md|rst|txt|csv|tsv|html?|css|scss|xml|svg|png|jpe?g|gif|webp|pdf|docx?|"
    r"xlsx?|pptx?|zip|tar|gz|whl|sh|bash|zsh|ps1|bat|exe|dll|so|c|h|cpp|hpp|cc|rs|go|java|kt|rb|php|sql|db|ini|cfg|"
    r"conf|env|lock|log|wav|mp3|ogg|opus|flac|aac|m4a|mp4|mkv|webm|srt|vtt|ipynb|onnx)(?!\w|\.\w)"
)
_DOTFILE = re.compile(r"(?<!\S)\.(?=[a-z]{2,})")
_LONG_PATH = re.compile(r"((?:://|www\.)[^\s/?#<>\"]{1,253}[/?#])([^\s<>\"]{200,})", re.IGNORECASE)
_TRAILING = ".,;:!?)]}'\"*_~"


def said_hosts(text: str) -> str:
    """`text` with its long addresses cut behind the host, as nothing more of them is said."""
    return _LONG_PATH.sub(lambda match: match[1] + _ending(match[2]), text)


def said_addresses(text: str, language: str) -> str:
    """`text` with each URL said as its domain, and the dots of addresses and file names said as words."""
    if "." not in text and "://" not in text:
        return text
    words = _WORDS.get(language)

    def url(match: re.Match[str]) -> str:
        host, path = match[1], match[2]
        return _host(host if path else host.rstrip(_TRAILING), words) + _ending(path or host)

    def mail(match: re.Match[str]) -> str:
        domain = match[2].rstrip("-")
        if words is None:
            return f"{match[1]}@{domain}"
        return f"{_dotted(match[1], words[0])} {words[1]} {_dotted(domain, words[0])}"

    def domain(match: re.Match[str]) -> str:
        return _host(match[1], words) + _ending(match.group()[len(match[1]) :])

    text = _MAIL.sub(mail, _URL.sub(url, text))
    text = _DOMAIN.sub(domain, text)
    if words is None or language != "en":
        return text
    text = _FILE.sub(lambda match: _dotted(f"{match[1]}.{match[2]}", "dot").replace("/", " slash "), text)
    return _DOTFILE.sub("dot ", text)


def _ending(text: str) -> str:
    """The marks that close `text`."""
    return text[len(text.rstrip(_TRAILING)) :]


def _host(host: str, words: tuple[str, str] | None) -> str:
    """`host` without "www", and its port as a number of its own."""
    name, _, port = host.removeprefix("www.").partition(":")
    if words is not None:
        name = _dotted(name, words[0])
    return f"{name} port {port}" if port and words == _WORDS["en"] else name


def _dotted(name: str, dot: str) -> str:
    return name.replace(".", f" {dot} ").replace("_", " ").strip()
