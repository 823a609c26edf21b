"""The data location: a folder and an fsspec URL obey the same laws."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from impasto.errors import InputError, OutputError
from impasto.jobs import Store, open_store
from impasto.jobs.store import Missing, file_key, first_line, keep_file, plain_url


@pytest.fixture(params=["folder", "memory"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(tmp_path / "data" if request.param == "folder" else f"memory://{secrets.token_hex(4)}")


def test_what_was_written_is_read_and_removed(any_store: Store) -> None:
    any_store.write("jobs/a/x.json", b"one")
    before = any_store.stamp("jobs/a/x.json")
    any_store.write("jobs/a/x.json", b"other")
    assert any_store.read("jobs/a/x.json") == b"other" and any_store.stamp("jobs/a/x.json") != before
    assert any_store.names("jobs") == ["a"] and any_store.names("jobs/a") == ["x.json"] and any_store.names("none") == []
    with any_store.local("jobs/a/x.json") as path:
        assert path.read_bytes() == b"other"
    any_store.remove("jobs/a")
    any_store.remove("jobs/a")
    assert any_store.stamp("jobs/a/x.json") is None
    with pytest.raises(Missing):
        any_store.read("jobs/a/x.json")
    with pytest.raises(Missing), any_store.local("jobs/a/x.json"):
        pass


def test_a_file_is_taken_over(any_store: Store, tmp_path: Path) -> None:
    (tmp_path / "made").write_bytes(b"picture")
    any_store.send("jobs/a/result.png", tmp_path / "made")
    assert any_store.read("jobs/a/result.png") == b"picture" and not (tmp_path / "made").exists()


def test_inputs_are_kept_once_by_their_hash(any_store: Store) -> None:
    sha256 = keep_file(any_store, b"bytes")
    assert keep_file(any_store, b"bytes") == sha256 and any_store.read(file_key(sha256)) == b"bytes"


@pytest.mark.parametrize("key", ["../x", "jobs/../x", "jobs/.hidden", "/etc/passwd", "jobs", "jobs//x", "jobs/a\0b", "jobs/a b"])
def test_no_other_key_touches_the_disk(any_store: Store, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        any_store.write(key, b"")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        open_store(tmp_path / "file" / "data")


@pytest.mark.parametrize(
    "location", ["ftp://ann:secret@nowhere.invalid/x", "nonsense://ann:secret@host/x", "sftp://ann:secret@127.0.0.1:1/x"]
)
def test_a_location_that_cannot_be_used_is_named_in_one_line_without_its_password(location: str) -> None:
    with pytest.raises(InputError) as caught:
        open_store(location).write("files/ab/x", b"")
    assert location.replace(":secret", "") in str(caught.value)
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_passwords_of_urls_are_not_shown() -> None:
    assert plain_url("ftp://ann:se@cr/et@host/folder?key=1") == "ftp://ann@host/folder"
    assert plain_url("s3://bucket/a@b:c") == "s3://bucket/a@b:c"
    assert first_line(ValueError("(psycopg.Error) no postgresql://ann:secret@host/x\nmore")) == "no postgresql://ann@host/x"
