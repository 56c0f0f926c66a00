from pathlib import Path

import pytest

from ops.store.storage import Store
from pipelines.instance import REPOSITORY, dagster_home, open_instance


def test_the_home_is_in_a_local_store_unless_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert dagster_home(Store(str(tmp_path))) == tmp_path / "dagster"
    with pytest.raises(ValueError, match="set DAGSTER_HOME"):
        dagster_home(Store("s3://bucket/data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    assert dagster_home(Store("s3://bucket/data")) == tmp_path / "elsewhere"


def test_an_old_copy_of_the_settings_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "unused")
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: true}")
    with open_instance(tmp_path):
        assert (tmp_path / "dagster.yaml").read_bytes() == (REPOSITORY / "dagster.yaml").read_bytes()
