"""Sentences: numbers of things, and remedies as Python and the command line have them."""

from __future__ import annotations


def count_of(number: int, one: str, several: str = "", spec: str = "") -> str:
    """A number with what it is of: "1 cell drains", "12 cells drain".

    one, several  the words behind it; `one` and an s if left out. spec: format of the number
    """
    return f"{number:{spec}} {one if number == 1 else several or f'{one}s'}"


class Advice(UserWarning):
    """A warning whose remedy is written otherwise in Python and on the command line.

    what     that deserves a look, a sentence without its stop
    python   what helps, as the functions have it; command: as options and domain files have it
    """

    def __init__(self, what: str, python: str, command: str):
        super().__init__(f"{what}. {python}")
        self.on_the_command_line = f"{what}. {command}"
