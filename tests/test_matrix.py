"""The matrix of ways in which machines differ runs tests that exist, and says what came of each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scripts import matrix


@pytest.mark.parametrize("way", matrix.WAYS, ids=lambda way: way.name)
def test_each_way_runs_tests_that_exist(way: matrix.Way) -> None:
    assert [path for path in way.paths if not (matrix.ROOT / path).exists()] == []


def test_a_way_that_does_not_exist_is_named() -> None:
    done = subprocess.run([sys.executable, matrix.ROOT / "scripts/matrix.py", "mmx"], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no way mmx; choose from here, avx2, no-compiler, bfloat16, user, threads" in done.stderr


@pytest.mark.parametrize(("test", "code"), [("assert True", 0), ("assert False", 1)])
def test_a_way_ends_as_its_tests_do_and_leaves_nothing_in_the_checkout(
    test: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_one.py").write_text(f"def test_one():\n    {test}\n")
    monkeypatch.setattr(matrix, "ROOT", tmp_path)
    found = matrix.gone(matrix.Way(name="here", words="this machine", paths=("test_one.py",)), "0")
    assert found.code == code and found.said.startswith("1 passed" if code == 0 else "1 failed"), found.output
    assert [path.name for path in tmp_path.iterdir()] == ["test_one.py"]


def test_kernels_that_are_not_here_are_left_out_with_a_reason() -> None:
    way = matrix.Way(name="odd", words="odd kernels", environment={"IMPASTO_KERNELS": "sse9"})
    found = matrix.gone(way, "0")
    assert found.code is None
    assert "left out: this processor or installation has no such kernels" in matrix.table([way], [found])
