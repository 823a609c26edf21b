"""A plot that cannot be drawn is an error in words, after which the picture is there all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto.errors import OutputError
from impasto.run import losses_file


def test_without_a_folder_for_fonts_a_plot_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError("Matplotlib requires access to a writable cache directory, but there isn't one")

    monkeypatch.setattr(losses_file, "plot", fail)
    with pytest.raises(OutputError, match=r"l\.png cannot be drawn: .*set MPLCONFIGDIR to a folder, or write a \.csv"):
        losses_file.write(tmp_path / "l.png", [], existing="keep")
    losses_file.write(tmp_path / "l.csv", [], existing="keep")
    assert (tmp_path / "l.csv").read_text().startswith("step,level,")
