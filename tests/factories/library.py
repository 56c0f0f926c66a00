"""A template library of few skins: drawing and describing all of them takes a minute on a busy core."""

from collections.abc import Sequence

import pytest


def use_small_library(patch: pytest.MonkeyPatch, ids: Sequence[str]) -> None:
    """Let `overlay/templates` hold these skins only, in this process."""
    for module in ("assets.overlay", "models.matchers.library"):
        patch.setattr(f"{module}.skin_ids", lambda *_: tuple(ids))
