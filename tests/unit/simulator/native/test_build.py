"""Building on first use: cached, and one clear line where it cannot be done."""

import subprocess

import pytest

from simulator.native import build as building
from simulator.native.build import SOURCES, NativeError, build
from simulator.native.page import Fields


def test_python_and_c_agree_on_every_field(compile_toy, monkeypatch):
    monkeypatch.setenv("CPATH", str(SOURCES))
    shown = subprocess.run([compile_toy("offsets")], capture_output=True, text=True, check=True).stdout.split()
    ours = [part for name, *_ in Fields._fields_ for part in (name, str(getattr(Fields, name).offset))]
    assert shown[:-2] == ours
    assert int(shown[-1]) <= 4096
    header = (SOURCES / "page.h").read_text()
    assert all(f" {name}" in header for name, *_ in Fields._fields_)


def test_a_build_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("OVERPLAY_CACHE", str(tmp_path / "cache"))
    first = build()
    stamp = first.library.stat().st_mtime_ns
    building._build.cache_clear()
    assert build() == first
    assert first.library.stat().st_mtime_ns == stamp
    assert [path.name[:7] for path in (tmp_path / "cache").iterdir()] == ["native-"]


@pytest.mark.parametrize(
    ("libc", "message"),
    [("glibc 2.17", "needs glibc 2.30 or newer, got glibc 2.17"), ("", "got another C library")],
)
def test_a_wrong_c_library_is_one_line(monkeypatch, libc, message):
    monkeypatch.setattr(building, "_libc_version", lambda: libc)
    with pytest.raises(NativeError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_a_missing_compiler_is_one_line(monkeypatch, tmp_path):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NativeError, match=r"no C compiler.*apt-get install gcc libc6-dev") as caught:
        build()
    assert "\n" not in str(caught.value)


def test_a_compiler_that_fails_is_one_line(monkeypatch, tmp_path):
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'x.c:1: fatal error: pthread.h: No such file or directory' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    monkeypatch.setenv("OVERPLAY_CACHE", str(tmp_path / "cache"))
    with pytest.raises(NativeError, match=r"No such file or directory; run: apt-get install libc6-dev") as caught:
        build()
    assert "\n" not in str(caught.value)
