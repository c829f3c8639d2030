"""The command line."""

from __future__ import annotations

import typer

__all__ = ["app", "main"]

app = typer.Typer(no_args_is_help=True, help=__doc__)


def main() -> None:
    """Run the command line."""
    app()
