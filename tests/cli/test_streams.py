"""Telling never ends or changes the work; standard output takes any name in any encoding."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from impasto.cli.interrupts import interruptible

SMALL = ("--size", "64", "--iterations", "2")
COMMAND = (sys.executable, "-m", "impasto")
ENVIRONMENT = {"PYTHONCOERCECLOCALE": "0", "OMP_NUM_THREADS": "1"}


def command(*arguments: str | bytes, out: int | IO[bytes] = subprocess.PIPE, err: int | IO[bytes] = subprocess.PIPE, **more: str):  # type: ignore[no-untyped-def]
    return subprocess.run(
        [*COMMAND, *arguments], check=False, stdout=out, stderr=err, env=os.environ | ENVIRONMENT | more, timeout=100
    )


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
@pytest.mark.parametrize("arguments", [("stylize", "--help"), ("presets", "list"), ("presets", "show", "gatys2015")])
def test_redirected_output_is_utf_8_whatever_the_encoding_of_the_system(encoding: str, arguments: tuple[str, ...]) -> None:
    ended = command(*arguments, PYTHONIOENCODING=encoding)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert len(ended.stdout.decode("utf-8")) > 100


def test_help_is_the_same_without_docstrings() -> None:
    plain, bare = command("stylize", "--help"), command("stylize", "--help", PYTHONOPTIMIZE="2")
    assert b"Paint CONTENT in the style of STYLE" in plain.stdout
    assert bare.stdout == plain.stdout


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_no_utf_8_comes_back_as_it_is_and_is_recorded(here: Path) -> None:
    Path("photo.png").rename(os.fsdecode(b"caf\xe9.png"))
    ended = command("stylize", b"caf\xe9.png", "paint.png", *SMALL, "-q")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout == b"output/caf\xe9_paint.png\n"
    picture = os.fsdecode(b"output/caf\xe9_paint.png")
    again = command("repeat", os.fsencode(picture), "-q", "-o", "again.png")
    assert (again.returncode, again.stdout) == (0, b"again.png\n")


def test_a_reader_of_the_progress_who_leaves_changes_nothing(here: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        ended = command("stylize", "photo.png", "paint.png", *SMALL, "-o", "a.png", err=gone)
    assert (ended.returncode, ended.stdout) == (0, b"a.png\n")
    assert Path("a.png").stat().st_size > 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_under_standard_streams_does_not_change_how_a_run_ends(here: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        assert command("stylize", "photo.png", "paint.png", *SMALL, "-o", "a.png", out=full, err=full).returncode == 0
        assert Path("a.png").stat().st_size > 0
        listed = command("presets", "show", "gatys2015", out=full)
    assert listed.returncode == 1
    assert listed.stderr.startswith(b"impasto: ") and listed.stderr.count(b"\n") == 1


def test_a_reader_of_a_list_who_leaves_gets_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        ended = command("presets", "show", "gatys2015", out=gone)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM"])
def test_every_signal_that_asks_for_an_end_leaves_what_was_made(here: Path, name: str) -> None:
    process = subprocess.Popen(
        [*COMMAND, "stylize", "photo.png", "paint.png", "--size", "64", "--iterations", "100000", "-o", "a.png"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | ENVIRONMENT,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as err:
        for line in err:
            if "step 0/" in line:
                break
        process.send_signal(getattr(signal, name))
        told = err.read()
    assert process.wait(60) == 130, told
    assert "impasto resume a.checkpoint" in told
    assert sorted(path.name for path in here.iterdir() if path.name.startswith((".a", "a"))) == [
        "a.checkpoint",
        "a.png",
        "a.png.json",
    ]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGTERM", "SIGINT"])
def test_every_signal_that_asks_for_an_end_is_noted_and_its_handler_comes_back(name: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)
    if before is signal.SIG_IGN and name != "SIGINT":
        signal.signal(number, signal.SIG_DFL)  # as a terminal leaves it; a test run may be under nohup
    try:
        with interruptible() as caught:
            handler = signal.getsignal(number)
            os.kill(os.getpid(), number)
        assert caught == [number]
        assert signal.getsignal(number) is not handler
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(os.name == "nt", reason="nohup is of POSIX")
def test_a_hangup_that_was_ignored_from_the_start_stays_ignored(here: Path) -> None:
    code = (
        "import os, signal, threading; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from impasto.cli.interrupts import interruptible\n"
        "with interruptible() as caught:\n    os.kill(os.getpid(), signal.SIGHUP); os.kill(os.getpid(), signal.SIGUSR1)\n"
        "print([signal.Signals(number).name for number in caught])"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ended.stdout == "['SIGUSR1']\n"


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("when", "ending"), [("at once", 0), ("later", -signal.SIGINT)])
def test_ctrl_c_that_comes_twice_at_once_counts_once_and_later_ends_at_once(when: str, ending: int) -> None:
    code = (
        "import os, signal, sys, threading, time\n"
        "from impasto.cli.interrupts import interruptible\n"
        "def both():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    while sys.argv[1] == 'later' and signal.getsignal(signal.SIGINT) is not signal.SIG_DFL: time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "with interruptible() as caught:\n"
        "    sender = threading.Thread(target=both); sender.start(); sender.join(); time.sleep(0.1)\n"
        "    print(len(caught))"
    )
    ended = subprocess.run([sys.executable, "-c", code, when], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (ending, "1\n" if ending == 0 else "")


@pytest.mark.parametrize("out", ["folder", "folder/", "new/"])
def test_a_folder_as_the_place_gets_the_default_name(here: Path, impasto: Callable[..., Any], out: str) -> None:
    Path("folder").mkdir()
    ended = impasto("stylize", "photo.png", "paint.png", *SMALL, "-q", "-o", out)
    assert (ended.code, ended.out) == (0, f"{Path(out) / 'photo_paint.png'}\n")
    assert Path(out, "photo_paint.png").is_file()


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_overwrite_writes_through_a_link_and_refuses_a_protected_file(here: Path, impasto: Callable[..., Any]) -> None:
    Path("real.png").write_bytes(b"old")
    Path("link.png").symlink_to("real.png")
    Path("protected.png").write_bytes(b"mine")
    Path("protected.png").chmod(0o444)
    assert impasto("stylize", "photo.png", "paint.png", *SMALL, "-q", "--overwrite", "-o", "link.png").code == 0
    assert Path("link.png").is_symlink() and Path("real.png").stat().st_size > 100
    ended = impasto("stylize", "photo.png", "paint.png", *SMALL, "-q", "--overwrite", "-o", "protected.png")
    assert ended.code == 2 and "write-protected" in ended.err
    assert Path("protected.png").read_bytes() == b"mine"


def test_control_characters_of_a_name_do_not_reach_the_terminal(here: Path, impasto: Callable[..., Any]) -> None:
    Path("photo.png").rename("pho\x1b[31mto.png")
    ended = impasto("stylize", "pho\x1b[31mto.png", "paint.png", *SMALL, "-o", "a.png")
    assert ended.code == 0 and "\x1b" not in ended.err
    assert "\x1b" not in impasto("stylize", "no\x1b[31mne.png", "paint.png", *SMALL).err
