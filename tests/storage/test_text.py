import doctest
import json
import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.storage import text


def test_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(text).failed == 0


@given(st.text(st.characters(codec=None)))
def test_json_of_any_name_can_be_encoded_and_gives_the_name_back(name: str) -> None:
    encoded = text.to_json({"name": name}).encode("utf-8")
    # A pair of surrogates is one character in JSON; file names hold lone ones only.
    assert json.loads(encoded)["name"] == json.loads(json.dumps(name))


@given(st.text(st.characters(codec=None)))
def test_what_is_shown_can_be_encoded_and_has_no_control_characters(name: str) -> None:
    shown = text.shown(name)
    shown.encode("utf-8")
    assert all(letter.isprintable() or letter.isspace() or ord(letter) > 159 for letter in shown)
    assert len(shown) == len(name)


BASH = shutil.which("bash")


@pytest.mark.skipif(os.name == "nt" or BASH is None, reason="names are bytes, and a shell reads them, on POSIX systems")
@settings(max_examples=20)
@given(st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name))
def test_a_shell_reads_a_word_back_as_the_same_file_and_never_as_an_option(name: bytes) -> None:
    word = text.shell_word(os.fsdecode(name))
    assert word == text.shown(word)
    assert BASH is not None
    line = os.fsencode(f"printf %s {word}") if not word.startswith("-") else b""
    read = subprocess.run([BASH, "-c", line], capture_output=True, check=True, timeout=60).stdout
    assert os.path.normpath(read) == os.path.normpath(name)
    assert not read.startswith(b"-")
