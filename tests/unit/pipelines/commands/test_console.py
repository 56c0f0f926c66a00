"""Tables stay readable where output is a pipe, whatever `COLUMNS` says."""

import os
import subprocess
import sys

import pandas as pd
import pytest

from pipelines.commands import console

ROWS = [
    {
        "recording": f"gallery-{number:02d}",
        "outcome": "rejected",
        "template": "xbox_360-outlined-01",
        "box IoU": 0.98765,
        "accuracy": 0.999,
        "press_f1": 0.5,
        "left stick r2": 0.25,
        "right stick r2": None,
        "confidence": 0.75,
        "reason": "no overlay found: nothing agrees with any of the templates that were looked for" if number else "",
    }
    for number in range(2)
]
PROGRAM = f"from pipelines.commands.console import show_table; show_table('A title', {ROWS!r})"
WORDS = {word for row in ROWS for name, value in row.items() for word in f"{name} {value}".split()}
WORDS = (WORDS - {"None", "0.98765"}) | {"0.988"}


def run_piped(columns: str | None) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "FORCE_COLOR")}
    environment |= {"COLUMNS": columns} if columns else {}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("columns", [None, "200", "80", "40"])
def test_no_word_is_broken_in_a_pipe(columns):
    lines = run_piped(columns)
    printed = {word for line in lines for word in line.replace("│", " ").replace("┃", " ").split()}
    assert printed >= WORDS
    assert lines[0].strip() == "A title"
    if columns:
        assert max(map(len, lines)) <= int(columns)


def test_without_a_width_a_row_is_a_line():
    lines = run_piped(None)
    assert len(lines) == 7  # title, head in its frame, two rows, foot
    assert "gallery-01" in lines[5] and "looked for" in lines[5]


def test_what_is_too_wide_comes_in_parts_with_the_first_column():
    lines = run_piped("80")
    assert sum("gallery-01" in line for line in lines) == sum("recording" in line for line in lines) > 1
    assert sum("A title" in line for line in lines) == 1


def test_frames_print_like_rows_and_nothing_is_markup(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    rows = [{"name": "[red]x[/red]", "value": 1.23456}]
    console.show_table("T", rows)
    listed = capsys.readouterr().out
    console.show_table("T", pd.DataFrame(rows))
    assert capsys.readouterr().out == listed
    assert "[red]x[/red]" in listed and "1.23" in listed and "1.2346" not in listed


def test_a_table_without_rows_is_its_title(capsys):
    console.show_table("Nothing here", [])
    assert "Nothing here" in capsys.readouterr().out
    console.show_table("Nothing here", pd.DataFrame())
    assert "Nothing here" in capsys.readouterr().out
