import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.instance import REPOSITORY

PACKAGES = ("ops", "models", "training", "simulator", "assets", "pipelines")
#: Files over the limits that are tolerated for now. This table may only shrink.
LONG_FILES: dict[str, int] = {}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def _files(*roots: str) -> list[Path]:
    return sorted(path for root in roots for path in (REPOSITORY / root).rglob("*.py"))


@pytest.mark.parametrize("path", _files(*PACKAGES, "tests"), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    limit = LONG_FILES.get(str(path.relative_to(REPOSITORY)), MAX_FILE_LINES)
    num_lines = len(text.splitlines())
    assert num_lines < limit, f"{num_lines} lines; split it by what it does"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"


def _config_fields(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (class, field) of configs: `dg.Config`, resources, and frozen dataclasses named ...Config or ...Options."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ClassDef):
            continue
        bases = {ast.unparse(base) for base in node.bases}
        if not (bases & {"dg.Config", "dg.ConfigurableResource"} or re.search(r"(Config|Options)$", node.name)):
            continue
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                yield node.name, item.target.id


def test_no_option_is_dead() -> None:
    """A field that is read nowhere, by name or through `to_op`, promises what nobody does (R20)."""
    sources = [path.read_text() for path in _files(*PACKAGES)]
    everything = "\n".join(sources)
    dead = []
    for path in _files(*PACKAGES):
        for owner, name in _config_fields(path):
            if not re.search(rf"\.{name}\b|[\"']{name}[\"']", everything):
                dead.append(f"{path.relative_to(REPOSITORY)}: {owner}.{name}")
    assert not dead


def test_no_postponed_annotations_beside_dagster() -> None:
    """They break context, config and resource annotations (R35)."""
    found = [
        str(path) for path in _files("assets", "pipelines") if "from __future__ import annotations" in path.read_text()
    ]
    assert not found
