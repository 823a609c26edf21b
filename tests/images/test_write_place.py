"""A file is written whole or not at all, and never over another one."""

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from impasto import files
from impasto.errors import OutputError
from impasto.images import check_target, read, write

RGB = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_existing_file_is_kept_without_overwrite_and_replaced_with_it(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists"):
        write(path, RGB)
    assert path.read_bytes() == b"precious"
    write(path, RGB, overwrite=True)
    assert read(path).rgb.shape == RGB.shape
    assert names(tmp_path) == ["cat.png"]


def test_file_that_appears_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = tmp_path / "cat.png", os.fsync

    def someone_else_is_faster(handle: int) -> None:
        real(handle)
        path.write_bytes(b"precious")

    monkeypatch.setattr(os, "fsync", someone_else_is_faster)
    with pytest.raises(OutputError, match="exists"):
        write(path, RGB)
    assert path.read_bytes() == b"precious"
    assert names(tmp_path) == ["cat.png"]


def test_of_threads_writing_one_path_exactly_one_wins_and_its_file_is_whole(tmp_path: Path) -> None:
    path, won, lost = tmp_path / "cat.png", [], []
    start = threading.Barrier(4)

    def work(value: float) -> None:
        start.wait()
        try:
            write(path, torch.full((3, 8, 8), value))
            won.append(value)
        except OutputError:
            lost.append(value)

    threads = [threading.Thread(target=work, args=(i / 3,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 3
    assert torch.allclose(read(path).rgb, torch.tensor(won[0]), atol=0.01)
    assert names(tmp_path) == ["cat.png"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EIO, "another place")],
)
def test_failure_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool, code: int, words: str
) -> None:
    path = tmp_path / "cat.png"
    if overwrite:
        path.write_bytes(b"old")

    def fail(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=words):
        write(path, RGB, overwrite=overwrite)
    assert names(tmp_path) == (["cat.png"] if overwrite else [])
    if overwrite:
        assert path.read_bytes() == b"old"


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
def test_real_lack_of_room_leaves_nothing_behind(tmp_path: Path) -> None:
    program = """
import resource, signal, sys
import torch
from impasto import files
from impasto.errors import OutputError
from impasto.images import write
picture = torch.rand(3, 64, 64)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write(sys.argv[1], picture)
except OutputError as error:
    sys.exit(str(error))
"""
    target = tmp_path / "out" / "cat.png"
    done = subprocess.run([sys.executable, "-c", program, target], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cat.png cannot be written" in done.stderr
    assert names(target.parent) == []


def test_missing_folders_are_made(tmp_path: Path) -> None:
    assert write(tmp_path / "a" / "b" / "cat.png", RGB).is_file()


@pytest.mark.parametrize("place", ["/proc/cat.png", "/proc/new/cat.png", "/dev/null/cat.png"])
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that no one can write to")
def test_forbidden_places_are_said_before_the_work(place: str) -> None:
    with pytest.raises(OutputError, match=r"cannot be written|not a folder"):
        check_target(Path(place))


def test_impossible_targets_are_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    cases = {
        "file/cat.png": "is a file, not a folder|part of the path is a file",
        "folder.png": "is a folder; give a file's name",
        "c" * 300 + ".png": "name is too long",
        "cat": "no extension",
        "cat.pgn": r"\.pgn is unknown; did you mean \.png\?",
        "cat.docx": r"\.docx is unknown; .*\.png, \.jpg",
        "cat\0.png": "zero character",
    }
    for name, words in cases.items():
        with pytest.raises(OutputError, match=words):
            check_target(tmp_path / name)
    assert names(tmp_path) == ["file", "folder.png"]


def test_depth_is_checked_before_the_work(tmp_path: Path) -> None:
    check_target(tmp_path / "cat.PNG", bits=16)
    with pytest.raises(OutputError, match="JPEG holds 8 bits"):
        check_target(tmp_path / "cat.jpg", bits=16)


def test_size_that_the_format_has_not_is_said_before_the_work(tmp_path: Path) -> None:
    check_target(tmp_path / "cat.webp", size=(9, 16383))
    for name, size in (("cat.webp", (9, 16384)), ("cat.jpg", (65501, 9))):
        with pytest.raises(OutputError, match="px a side"):
            check_target(tmp_path / name, size=size)


def test_checking_a_target_leaves_nothing_but_its_folder(tmp_path: Path) -> None:
    check_target(tmp_path / "new" / "cat.png")
    assert names(tmp_path / "new") == []


def test_existing_target_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "cat.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(OutputError, match="exists"):
        check_target(tmp_path / "cat.png")
    check_target(tmp_path / "cat.png", overwrite=True)


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert write("~/cat.png", RGB) == tmp_path / "cat.png"


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
def test_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    path = write(tmp_path / "cat.png", RGB)
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_machine_whose_clock_is_wrong_leaves_files_that_others_are_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    young, old = tmp_path / ".impasto-0123456789ab-01.part", tmp_path / ".impasto-0123456789ab-02.part"
    for path in (young, old):
        path.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    files.sweep(tmp_path)
    assert names(tmp_path) == [young.name]


def test_a_new_name_is_synced_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, synced = os.fsync, []

    def watch(number: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(number).st_mode), (tmp_path / "cat.png").exists()))
        real(number)

    monkeypatch.setattr(os, "fsync", watch)
    write(tmp_path / "cat.png", RGB)
    assert synced == [(False, False), (True, True)] if hasattr(os, "O_DIRECTORY") else [(False, False)]


@pytest.mark.parametrize("existing", ["replace", "keep"])
def test_a_folder_that_was_cleaned_or_removed_while_a_file_was_written_gets_it(existing: str, tmp_path: Path) -> None:
    for cleaned in ("file", "folder"):
        path, count = tmp_path / cleaned / existing / "a.bin", 0

        def write_once_in_vain(temporary: Path, cleaned: str = cleaned) -> None:
            nonlocal count
            count += 1
            temporary.write_bytes(b"content")
            if count == 1:
                temporary.unlink()
                if cleaned == "folder":
                    temporary.parent.rmdir()

        path.parent.mkdir(parents=True)
        files.put_by(path, write_once_in_vain, existing=existing)  # type: ignore[arg-type]
        assert (path.read_bytes(), count, names(path.parent)) == (b"content", 2, ["a.bin"])


def test_a_place_is_a_file_or_a_folder_for_one(tmp_path: Path) -> None:
    assert files.in_folder(str(tmp_path / "a.png"), "b.png") == tmp_path / "a.png"
    assert files.in_folder(str(tmp_path), "b.png") == tmp_path / "b.png"
    assert files.in_folder(f"{tmp_path / 'new'}{os.sep}", "b.png") == tmp_path / "new" / "b.png"
    with pytest.raises(OutputError, match="empty"):
        files.in_folder("", "b.png")


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_is_written_through_only_to_replace(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("real.png")
    with pytest.raises(OutputError, match="exists"):
        write(tmp_path / "link.png", RGB)
    write(tmp_path / "link.png", RGB, overwrite=True)
    assert (tmp_path / "link.png").is_symlink() and read(tmp_path / "real.png").size == (32, 32)


def test_a_protected_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"precious")
    (tmp_path / "cat.png").chmod(0o444)
    with pytest.raises(OutputError, match="write-protected"):
        write(tmp_path / "cat.png", RGB, overwrite=True)
    assert (tmp_path / "cat.png").read_bytes() == b"precious"


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
def test_loops_pipes_and_devices_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/null")
    for name, words in (("loop.png", "leads back"), ("pipe.png", "a pipe or a device"), ("device.png", "a pipe or a device")):
        for act in (lambda path: check_target(path, overwrite=True), lambda path: write(path, RGB, overwrite=True)):
            with pytest.raises(OutputError, match=words):
                act(tmp_path / name)
    assert names(tmp_path) == ["device.png", "loop.png", "pipe.png"]
