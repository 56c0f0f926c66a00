import pytest

from pipelines.environment import get_environment


def test_unknown_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERPLAY_ENVIRONMENT", "moon")
    with pytest.raises(ValueError, match="expected one of test, local, cluster, kuberay"):
        get_environment()


def test_one_machine_is_what_is_meant_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OVERPLAY_ENVIRONMENT", raising=False)
    assert get_environment() == "local"
