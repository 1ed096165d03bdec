"""What is found of an input, in sentences, and the doors that it comes in by."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gridhydro.base.notebook import listed, titled

Value = TypeVar("Value")
REFUSED: Any = type("Refused", (), {"__repr__": lambda _: "REFUSED"})()  # what no door let in
# what a door refuses with, in a sentence; anything else is a fault of ours
ERRORS = (ValueError, TypeError, OSError)


@dataclass
class Report:
    """Findings about an input: `errors` stop it, `warnings` deserve a look, `notes` inform."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing stops the input from being used."""
        return not self.errors

    def raise_if_bad(self) -> Report:
        """The report itself, or ValueError with all its errors."""
        if self.errors:
            raise ValueError("\n".join(self.errors))
        return self

    def __add__(self, other: Report) -> Report:
        return Report(
            self.errors + other.errors, self.warnings + other.warnings, self.notes + other.notes
        )

    def _repr_html_(self) -> str:
        kinds = (
            ("errors, which stop it", "#b3261e", self.errors),
            ("warnings, which deserve a look", "#a15c00", self.warnings),
            ("notes", "#5d666d", self.notes),
        )
        parts = [
            f'<div style="border-left:4px solid {colour};padding-left:8px;margin:4px 0">'
            f"{titled(title, listed(texts))}</div>"
            for title, colour, texts in kinds
            if texts
        ]
        return "".join(parts) or "nothing to report"

    def __str__(self) -> str:
        kinds = (("error", self.errors), ("warning", self.warnings), ("note", self.notes))
        lines = [f"{kind}: {text}" for kind, texts in kinds for text in texts]
        return "\n".join(lines) or "nothing to report"


class Doors:
    """The doors that an input comes in by, one after another: each a function that takes it or
    refuses it.

    Without a report a refusal is raised, as a run needs it. With one, the check of an input goes
    through the same doors, and what they refuse and warn of is noted: a door gives REFUSED then,
    and those behind it that were to be given that are passed by, so that what does not hang
    together is all told at once.
    """

    def __init__(self, report: Report | None = None):
        self.report = report

    def __call__(self, door: Callable[..., Value], *given, **named) -> Value:
        """What the door makes of what is given; REFUSED, if it is only checked, where it refuses.

        Raises what the door raises, without a report; else only what is no ERRORS.
        """
        if self.report is None:
            return door(*given, **named)
        if any(one is REFUSED for one in (*given, *named.values())):
            return REFUSED
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            try:
                found = door(*given, **named)
            except ERRORS as error:
                _note(self.report.errors, str(error))
                found = REFUSED
        for one in caught:
            if issubclass(one.category, UserWarning):
                _note(self.report.warnings, str(one.message))
            else:  # for developers, not about the input
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        return found


# as a run goes through them
STRICT = Doors()


@contextmanager
def noting(report: Report) -> Iterator[None]:
    """Within it warnings are shown as ever, and those about the input are noted in the report."""
    shown = warnings.showwarning

    def noted(message, category, *where, **more) -> None:
        if issubclass(category, UserWarning):
            _note(report.warnings, str(message))
        shown(message, category, *where, **more)

    with warnings.catch_warnings():
        warnings.showwarning = noted
        yield


def _note(texts: list[str], text: str) -> None:
    if text not in texts:
        texts.append(text)
