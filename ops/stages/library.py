"""Template libraries as the stages use them: folders, an index of their features, and the templates that were found."""

from __future__ import annotations

import operator
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path

from ops.outcomes import BadInputError
from ops.overlay.config import LocateConfig
from ops.overlay.crop import CropSpan
from ops.overlay.features import Matcher
from ops.overlay.index import TemplateIndex
from ops.overlay.tracks import Track
from ops.skins.template import Template
from ops.store.storage import Store


def _as_saved(template: Template) -> Template:
    return template


@dataclass(frozen=True)
class Library:
    """Folders of templates.

    Attributes:
        folders: each is searched in full; of two templates with one name, the first folder's is taken.
        complete: adds control places to a template that is a picture alone; by default templates stay as saved.
    """

    folders: tuple[Path, ...]
    complete: Callable[[Template], Template] = _as_saved

    def templates(self, found: Iterable[Track | CropSpan]) -> dict[str, Template]:
        """Return the templates of what was found, by id.

        Raises:
            BadInputError: no folder holds one of them.
        """
        return {name: self.complete(_load(self.folders, name)) for name in {item.template_id for item in found}}


@lru_cache(maxsize=64)
def _load(folders: tuple[Path, ...], template_id: str) -> Template:
    for folder in folders:
        path = folder / f"{template_id}.png"
        if path.exists():
            return Template.load(path)
    names = ", ".join(str(folder) for folder in folders)
    raise BadInputError(f"no template {template_id!r} in {names}; the library was changed after the overlay was found")


@lru_cache(maxsize=4)
def local_library(store: Store, key: str, content: str) -> Path:
    """Return a local folder with a template library of the store.

    Args:
        store: holds the library.
        key: of the library's folder.
        content: the library's hash; another one is fetched anew.
    """
    if store.is_local:
        return Path(store.uri(key))
    folder = Path(tempfile.mkdtemp(prefix=f"overplay-templates-{content[:12]}-"))
    for name in store.list(key):
        (folder / name.rsplit("/", 1)[-1]).write_bytes(store.read_bytes(name))
    return folder


def load_index(folders: tuple[Path, ...], matcher: Matcher, config: LocateConfig) -> TemplateIndex:
    """Return the index of the libraries in folders together, kept for the next call of this process."""
    return _index(folders, tuple(folder.stat().st_mtime_ns for folder in folders), matcher, config)


@lru_cache(maxsize=8)
def _index(folders: tuple[Path, ...], stamps: tuple[int, ...], matcher: Matcher, config: LocateConfig) -> TemplateIndex:
    return reduce(operator.add, (TemplateIndex.load(folder, matcher, config) for folder in folders))
