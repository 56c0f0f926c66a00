"""What commands say, and how: a bar on a terminal, a line per 10 s elsewhere, one line for an error."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

console = Console(highlight=False)
error_console = Console(stderr=True, highlight=False)

_EVERY_S = 10.0

#: Called with (number done, number in all, what is going on).
Advance = Callable[[int, int, str], None]


def say(message: str) -> None:
    """Print a line as it is, however long."""
    console.print(message, markup=False, soft_wrap=True)


def show_table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as a table; numbers short."""
    table = Table(title=title, title_justify="left")
    for name in rows[0] if rows else ():
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return escape(f"{value:.3g}" if isinstance(value, float) else str(value))


def fail(message: str) -> typer.Exit:
    """Print why a command failed and return the exit to raise."""
    error_console.print(message, style="red", markup=False, soft_wrap=True)
    return typer.Exit(1)


@contextmanager
def progress(title: str) -> Iterator[Advance]:
    """Show progress while the block runs."""
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(title, total=None, text="")

            def advance(num_done: int, num_total: int, text: str) -> None:
                bar.update(task, completed=num_done, total=num_total, text=f"{num_done}/{num_total} {text}")

            yield advance
        return
    last = time.monotonic()

    def write_line(num_done: int, num_total: int, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY_S or num_done == num_total:
            last = now
            say(f"{title}: {num_done}/{num_total} {text}".rstrip())

    yield write_line


def quiet_libraries() -> None:
    """Keep libraries' information lines out of a command's output."""
    for name in ("ray", "dagster", "yt_dlp", "fsspec"):
        logging.getLogger(name).setLevel(logging.WARNING)
