"""The limits of the server: one list of them."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator

import voicecli.server
from voicecli.config.schema import Table, every_key, find
from voicecli.config.serving import ServerSettings

CLIENTS = {
    "voicecli.server.query_client",
    "voicecli.server.recognition_client",
    "voicecli.server.telephone",
}  # no part of `serve`


def options_of_the_server() -> Iterator[type]:
    """Its frozen dataclasses: the others are states."""
    for module in pkgutil.iter_modules(voicecli.server.__path__, "voicecli.server."):
        if module.name not in CLIENTS:
            for thing in vars(importlib.import_module(module.name)).values():
                params = getattr(thing, "__dataclass_params__", None)
                if params is not None and params.frozen and thing.__module__ == module.name:
                    yield thing


def test_no_limit_stands_twice() -> None:
    """No class of the server has a default of its own for what is a setting."""
    section = find(("server",))
    assert isinstance(section, Table)
    names = {key.path[-1] for key in every_key(section)}
    for made in options_of_the_server():
        for field in dataclasses.fields(made):
            if field.default is not dataclasses.MISSING:
                assert field.name not in names, f"{made.__name__}.{field.name} is a setting"


def test_processes_are_as_many_as_asked_for() -> None:
    assert ServerSettings(workers=3).processes == 3
    assert ServerSettings().processes >= 1
