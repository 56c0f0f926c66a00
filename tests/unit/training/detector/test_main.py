import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.detector import __main__ as command
from training.detector.config import DetectorTrainConfig


def test_options_win_over_the_config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: object) -> None:
    seen: list[tuple[DetectorTrainConfig, Path]] = []

    def train(config: DetectorTrainConfig, folder: Path) -> Iterator[dict[str, int]]:
        seen.append((config, folder))
        yield {"step": 1}

    path = tmp_path / "config.json"
    path.write_text(json.dumps({"minutes": 3, "batch_size": 5}))
    monkeypatch.setattr(command, "train", train)
    monkeypatch.setattr("sys.argv", ["detector", str(tmp_path / "out"), "--config", str(path), "--minutes", "7"])
    command.main()
    assert seen == [(DetectorTrainConfig(minutes=7.0, batch_size=5), tmp_path / "out")]
    assert json.loads(capsys.readouterr().out) == {"step": 1}  # type: ignore[attr-defined]
