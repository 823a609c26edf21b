import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from impasto.storage.locks import Held, held


def test_a_lock_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from impasto.storage.locks import held\nwith held(Path(sys.argv[1])): pass"
    with held(tmp_path / "lock"):
        inside = subprocess.run([sys.executable, "-c", code, tmp_path / "lock"], check=False, capture_output=True, text=True)
    after = subprocess.run([sys.executable, "-c", code, tmp_path / "lock"], check=False, capture_output=True, text=True)
    assert (inside.returncode, after.returncode) == (1, 0)
    assert "Held" in inside.stderr


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks_gets_a_marker_that_excludes_others_and_goes(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    with held(tmp_path / "lock"), pytest.raises(Held), held(tmp_path / "lock"):
        pass
    assert list(tmp_path.iterdir()) == []
    assert list(recwarn) == []


def test_where_no_file_can_be_made_the_system_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError), held(tmp_path / "file" / "lock"):
        pass


def test_a_lock_that_is_kept_leaves_its_file(tmp_path: Path) -> None:
    with held(tmp_path / "lock", remove=False):
        pass
    assert (tmp_path / "lock").exists()
