"""A style and its weight have one grammar."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto.errors import InvalidSettings
from impasto.style_argument import weighted


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("b.jpg", ("b.jpg", None)),
        ("b.jpg:0.3", ("b.jpg", 0.3)),
        ("b.jpg:3.", ("b.jpg", 3.0)),
        ("b.jpg:.5", ("b.jpg", 0.5)),
        ("b.jpg:1e-1", ("b.jpg", 0.1)),
        ("b.jpg:+2", ("b.jpg", 2.0)),
        ("C:\\x.jpg", ("C:\\x.jpg", None)),
        ("C:\\x.jpg:0.3", ("C:\\x.jpg", 0.3)),
        ("a:b.jpg", ("a:b.jpg", None)),
        ("caf\udce9.jpg:2", ("caf\udce9.jpg", 2.0)),
        ("a\0b:2", ("a\0b", 2.0)),
        (":0.3", (":0.3", None)),
    ],
)
def test_a_weight_stands_behind_the_last_colon(style: str, expected: tuple[str, float | None]) -> None:
    assert weighted(style) == expected


@pytest.mark.parametrize("style", ["a.jpg:0", "a.jpg:-1", "a.jpg:1e12", "a.jpg:nan", "a.jpg:inf"])
def test_a_weight_out_of_its_range_is_refused(style: str) -> None:
    with pytest.raises(InvalidSettings, match="above 0"):
        weighted(style)


def test_a_comma_in_a_weight_is_said() -> None:
    with pytest.raises(InvalidSettings, match=r"with a comma, 0,3; write 0\.3"):
        weighted("a.jpg:0,3")


@pytest.mark.parametrize("name", ["a.jpg:0.3", "a.jpg:0", "a.jpg:0,3"])
def test_a_file_that_has_such_a_name_is_that_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert weighted(str(tmp_path / name)) == (str(tmp_path / name), None)
