"""A word to people on standard error, beside what a command prints."""

from __future__ import annotations

import typer

__all__ = ["say", "say_error"]


def say(what: str, color: str, message: str) -> None:
    """``what: message``, the first in colour on a terminal."""
    typer.secho(f"{what}: ", fg=color, bold=True, nl=False, err=True)
    typer.echo(message, err=True)


def say_error(error: object) -> None:
    """What keeps a command from doing what it is for."""
    say("error", typer.colors.RED, str(error))
