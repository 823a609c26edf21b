import doctest
import json

from hypothesis import given
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
