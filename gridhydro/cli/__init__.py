"""The `gridhydro` command: its arguments, its manual, and what each command does."""

from gridhydro.cli.program import main

__all__ = ["main"]
