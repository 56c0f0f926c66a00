"""The procedural template library as a folder: pictures, control places and SIFT features, made once."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from models.matchers.sift import SiftMatcher
from ops import locate
from ops.locate import LocateConfig, TemplateIndex
from ops.skins.procedural import CORE, make_skin, skin_ids
from ops.storage import fingerprint

#: Changes when the same skins would be drawn or described otherwise.
VERSION = "1"


def write_library(folder: Path, library: str = CORE) -> tuple[str, ...]:
    """Write the templates of a library's skins and their features into an empty folder; return their ids."""
    ids = skin_ids(library)
    templates = [make_skin(skin_id).template() for skin_id in ids]
    for template in templates:
        template.save(folder)
    TemplateIndex.build(templates, SiftMatcher(), LocateConfig()).save(folder)
    return ids


def cached_library(library: str = CORE) -> Path:
    """Return a library's folder in the user's cache (`XDG_CACHE_HOME`, by default `~/.cache`), made if need be.

    Raises:
        ValueError: there is no library of this name.
    """
    content = fingerprint(VERSION, locate.VERSION, SiftMatcher().name, LocateConfig(), skin_ids(library))
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "overplay"
    folder = base / f"templates-{content[:16]}"
    if not folder.is_dir():
        base.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".tmp-", dir=base))
        try:
            write_library(scratch, library)
            if not folder.is_dir():  # another process may have been quicker
                scratch.rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder
