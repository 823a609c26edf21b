"""The laws of the cache's folder: bounded, shared, and never an error."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from impasto import cache


def key(number: int) -> str:
    return f"{number:064x}"


def names() -> list[str]:
    return sorted(path.stem for path, _ in cache.entries())


def test_what_is_kept_is_read() -> None:
    cache.keep(key(1), b"one")
    assert cache.path_of(key(1)).read_bytes() == b"one"


def test_the_least_recently_used_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT_BYTES", 30)
    for number in (1, 2, 3):
        cache.keep(key(number), bytes(10))
        os.utime(cache.cache_dir() / f"{key(number)}.safetensors", (number, number))
    cache.path_of(key(1))
    cache.keep(key(4), bytes(10))
    assert names() == [key(1), key(3), key(4)]


def test_other_files_in_the_folder_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LIMIT_BYTES", 5)
    cache.cache_dir().mkdir()
    (cache.cache_dir() / "mine.safetensors").write_bytes(bytes(100))
    cache.keep(key(1), bytes(10))
    assert [path.name for path in cache.cache_dir().iterdir()] == ["mine.safetensors"]


def test_many_writers_of_one_entry_leave_one_whole_entry() -> None:
    data = [bytes([number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=cache.keep, args=(key(1), one)) for one in data]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.path_of(key(1)).read_bytes() in data
    assert len(list(cache.cache_dir().iterdir())) == 1


@pytest.mark.parametrize("place", ["/dev/null", "/proc/nowhere", "file"])
def test_a_folder_that_cannot_be_written_is_an_empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / place))
    cache.keep(key(1), b"one")
    assert not cache.path_of(key(1)).exists()
    assert cache.entries() == []


def test_a_user_without_a_home_has_an_empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "cache_folder", lambda: None)
    cache.keep(key(1), b"one")
    assert cache.path_of(key(1)) is None
    assert cache.entries() == []
