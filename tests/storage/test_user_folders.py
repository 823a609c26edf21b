from pathlib import Path

import platformdirs
import pytest

from impasto.storage.user_folders import cache_folder, data_folder, home_folder


def test_variables_name_the_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_DATA", "/a/data")
    monkeypatch.setenv("IMPASTO_CACHE", "/a/cache")
    assert (data_folder(), cache_folder()) == (Path("/a/data"), Path("/a/cache"))


def test_a_user_without_home_has_no_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(*_: object, **__: object) -> str:
        raise RuntimeError("Could not determine home directory.")

    for name in ("IMPASTO_DATA", "IMPASTO_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("user_data_dir", "user_cache_dir"):
        monkeypatch.setattr(platformdirs, name, no_home)
    monkeypatch.setattr(Path, "home", no_home)
    assert (data_folder(), cache_folder(), home_folder()) == (None, None, None)


def test_a_tilde_that_no_shell_expanded_is_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("IMPASTO_DATA", "~/impasto")
    assert data_folder() == tmp_path / "impasto"
