"""Every name of a file has a path in UTF-8, by which the same bytes are read."""

import os
import sys
from pathlib import Path

import pytest

from impasto.storage.utf8_path import utf8_path


def test_a_path_in_unicode_is_left_alone(tmp_path: Path) -> None:
    with utf8_path(tmp_path / "ü 画.checkpoint") as found:  # which need not exist
        assert found == tmp_path / "ü 画.checkpoint"


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="file systems there have names in Unicode only")
def test_a_name_in_another_encoding_is_read_by_a_path_in_unicode(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.checkpoint")
    path.write_bytes(b"whole")
    with utf8_path(path) as found:
        assert str(found).encode().decode() == str(found)
        assert found.read_bytes() == b"whole"


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError), utf8_path(tmp_path / "caf\udce9"):
        pass
