"""Text as editors, spreadsheets and shells write it is read; what is no Unicode is refused in words that help."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from impasto.storage.user_text import NoText, decoded, read_text, reason

TEXT = 'größe = 64\nname = "画"\n'
BOMS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE, "utf-8": codecs.BOM_UTF8}


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", BOMS)
def test_each_encoding_and_line_end_gives_the_same_text(encoding: str, ends: str, marked: bool) -> None:
    data = TEXT.replace("\n", ends).encode(encoding)
    assert decoded((BOMS[encoding] if marked else b"") + data) == TEXT


def test_utf_32_is_told_from_utf_16() -> None:
    assert decoded(TEXT.encode("utf-32")) == TEXT


@pytest.mark.parametrize("data", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_nothing_is_an_empty_text(data: bytes) -> None:
    assert decoded(data) == ""


def test_an_old_code_page_is_refused_with_its_line_and_the_way_out() -> None:
    with pytest.raises(NoText, match=r"line 2 has the byte 0xE9\); save it as UTF-8"):
        decoded("size = 64\nname = 'café'\n".encode("cp1252"))


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n" + bytes(64), codecs.BOM_UTF16_LE + b"\0\xd8", b"a\0\0\0\0b"])
def test_what_is_no_text_is_said(data: bytes) -> None:
    with pytest.raises(NoText, match="UTF-8"):
        decoded(data)


def test_a_file_that_cannot_be_read_has_a_reason_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        read_text(tmp_path / "none.toml")
    assert reason(caught.value) == "No such file or directory"
