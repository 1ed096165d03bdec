"""Ctrl-C or the end of a batch job during long work: what is at hand is finished, and kept."""

from __future__ import annotations

import signal
import threading

# of a person, and of batch systems and containers before they kill
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM."""


class Interrupt:
    """Within it the first Ctrl-C or SIGTERM only sets `asked`; a second one interrupts at once.

    Outside the main thread, where signals cannot be caught, it does nothing.
    """

    def __init__(self):
        self.asked: int | None = None  # the number of the signal
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) == signal.SIG_IGN:  # as nohup and shells ask for
                    continue
                self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, *frame) -> None:
        if self.asked is not None:
            raise self.error("at once")
        self.asked = number

    def error(self, when: str) -> KeyboardInterrupt:
        """What to raise once all is kept; it says when the work stopped."""
        kind = Terminated if self.asked == signal.SIGTERM else KeyboardInterrupt
        return kind(when)

    def __exit__(self, *error) -> None:
        for number, before in self._before.items():
            # a handler that was not set by Python cannot be told: the usual one then
            signal.signal(number, before or signal.SIG_DFL)  # type: ignore[arg-type]
        self._before = {}
