"""The measurements still measure: all parts that need no peer, at tiny sizes, and the laws that make a race honest."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
from pathlib import Path

import pytest
import torch
from tests.samples import photo

from benchmarks import __main__ as everything
from benchmarks import course, first_picture, machine, memory, peer, pictures, search, sizes, step
from benchmarks.course_style_transfer import main as course_program
from benchmarks.options import Options, options, parser
from benchmarks.peak_memory import peak
from benchmarks.peer_environment import MODEL, command, save_model
from benchmarks.race import Moment, Watched, course_line, peer_line, search_line, state_at
from benchmarks.reference import JUDGES
from impasto.evaluate import Whole
from impasto.objective import build
from impasto.vgg import weights

MEBIBYTE = 2**20


def quick(*given: str) -> Options:
    return options(parser(None).parse_args(["--quick", *given]))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    chosen = quick()
    return pictures.stretched_pair(chosen.content, chosen.style, (32, 48), tmp_path_factory.mktemp("ground"))


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, main: object, *arguments: object) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
    assert callable(main)
    main()
    return capsys.readouterr().out.splitlines()


def test_the_layers_own_times_add_up_to_the_network() -> None:
    raw = step.measure(quick("--repetitions", "1"))
    seconds = {name: values[0] for name, values in raw["seconds"].items()}
    for way in ("forward", "backward"):
        layers = [value for name, value in seconds.items() if name.startswith(f"own {way}")]
        assert len(layers) == 13
        assert math.isclose(sum(layers), seconds[f"network {way}"], rel_tol=1e-9)
    assert "step ÷ floor at the direct rate" in step.text(raw)


def test_a_size_is_measured_with_its_margin() -> None:
    chosen = quick()
    size = {**sizes.one(chosen.content, chosen.style, 48, 2), "peak_bytes": 1}
    assert (size["pixels"], size["computed"]) == (48 * 32, 64 * 48)
    assert "48×32" in sizes.text({"sizes": [size], "skipped": {}})


def test_memory_of_a_larger_size_is_foreseen_on_a_line() -> None:
    found = [{"long_side": side, "computed": side**2, "peak_bytes": 100 + 3 * side**2} for side in (10, 20)]
    assert sizes.forecast(found, 40) == pytest.approx(100 + 3 * 40**2)


def test_the_peak_of_a_command_is_its_own() -> None:
    held = torch.ones(40 * MEBIBYTE)  # 160 MiB here must not count as the child's
    small, large = (
        peak([sys.executable, "-S", "-c", f"x = b'1' * {size * MEBIBYTE}"], folder=Path.cwd(), environment=os.environ).rss_bytes
        for size in (1, 65)
    )
    assert small < held.numel()
    assert (large - small) / MEBIBYTE == pytest.approx(64, abs=4)


def test_the_first_picture_is_timed_from_command_to_file() -> None:
    raw = first_picture.measure(quick())
    (run,) = raw["runs"]
    assert 0 < run["command"] < run["first_step"] < run["finished"]
    assert "finished 48 px picture" in first_picture.text(raw)


@pytest.mark.parametrize("preset", list(JUDGES))
def test_the_referee_and_our_objective_give_one_j(preset: str, ground: tuple[Path, Path]) -> None:
    content, style = map(pictures.pixels, ground)
    x = torch.from_numpy(photo(32, 48, seed=3)).permute(2, 0, 1)[None].float() / 255
    settings = search.run_of(preset, *ground, {}).settings
    vgg = search.network_of(settings)
    ours = Whole(vgg, build(settings, vgg, content, [style]))(x).value
    assert ours == pytest.approx(JUDGES[preset](weights.load("vgg19"), content, style)(x), rel=1e-5)


def test_our_search_starts_where_the_courses_program_does_and_reaches_its_mark(
    ground: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = said(capsys, monkeypatch, course_program, *ground, tmp_path / "plain.png", "--iterations", 2)
    plain = [moment.loss for moment in (course_line(line, 0.0) for line in lines) if moment is not None]
    assert len(plain) == 2
    lines = said(
        capsys, monkeypatch, search.main, *ground, "--preset", "coursera", "--mark", plain[-1], "--steps-beyond", 0,
        "--last-iterations", 4,
    )  # fmt: skip
    events = [json.loads(line) for line in lines]
    assert events[0]["loss"] == pytest.approx(plain[0], rel=1e-5)
    assert [event["event"] for event in events[-2:]] == ["reached", "end"]
    assert events[-2]["loss"] <= plain[-1]


def test_lines_of_the_programs_are_understood() -> None:
    assert peer_line("  Total loss: 12.5\n", 3.0) == Moment(3.0, 12.5)
    assert peer_line("  Content 1 loss: 12.5\n", 3.0) is None
    line = {"event": "step", "paused": 1.0, "level": 1, "levels": 2, "loss": 7.0, "undone": False}
    assert search_line(json.dumps(line), 3.0) == Moment(2.0, 7.0, 1, 2)
    assert search_line(json.dumps({**line, "undone": True}), 3.0) is None
    assert search_line("a warning", 3.0) is None


def test_a_mark_counts_only_at_full_size() -> None:
    watched = Watched((Moment(1.0, 5.0, 1, 2), Moment(2.0, 9.0, 2, 2), Moment(3.0, 6.0, 2, 2)), 3.5, {})
    assert watched.reaches(6.0) == 3.0
    assert watched.reaches(1.0) is None
    assert [state_at(watched, seconds) for seconds in (0.5, 1.5, 2.5, 9.0)] == ["starting", "level 1/2", "9", "6 (ended)"]


def test_the_peers_network_has_its_keys_and_our_numbers(tmp_path: Path) -> None:
    ours = weights.load("vgg19")
    state = torch.load(save_model(ours, tmp_path), weights_only=True)
    assert torch.equal(state["features.0.weight"], ours.tensors["conv1_1.weight"])
    assert torch.equal(state["features.28.weight"], ours.tensors["conv5_1.weight"])
    assert len(state) == 32
    assert command(tmp_path, long_side=64, iterations=3)[-2:] == [MODEL, "-disable_check"]


def test_races_that_were_not_won_are_said_to_be() -> None:
    watched = Watched((Moment(1.0, 5.0), Moment(2.0, 4.0)), 2.5, {"finished": 4.0, "levels": [[4, 4, 2]]}).raw()
    paces = [{"ours": 1.0, "peer": 1.0}] * 3
    one = {"peer": watched, "ours": watched, "peer_saved": 4.0, "paces": paces}
    agreed = [{"what": "J at the photograph", "peer": 5.0, "ours": 5.0, "referee": None}]
    raw = {"size": [4, 4], "iterations": 2, "search": {}, "agreement": agreed, "races": [one]}
    assert "did not reach the mark" in peer.text(raw)
    again = {"plain": watched, "preset": watched, "search": watched}
    assert "did not reach the mark" in course.text({"size": [4, 4], "iterations": 2, "search": {}, "races": [again]})


def test_memory_adds_a_step_and_a_history() -> None:
    sizes_px = {"64": 1, "512": 1_000_000, "1024": 4_000_000}
    measured = {(64, "few"): 0, (512, "few"): 100, (1024, "few"): 400, (512, "many"): 150}
    runs = [
        {"who": who, "long_side": side, "kind": kind, "peak_bytes": mib * MEBIBYTE}
        for who in ("same", "own")
        for (side, kind), mib in measured.items()
    ]
    table = memory.text({"history": 100, "own_history": 50, "sizes": sizes_px, "runs": runs})
    assert "| **MiB a megapixel, history full** | – | 150 | 150 | – |" in table


def test_results_name_no_host_and_no_path_and_replace_nothing(tmp_path: Path) -> None:
    facts = machine.describe()
    found = {"step": {"failed": None, "seconds": 1.0, "raw": {}, "table": "the table"}}
    names = ("a.jpg", "b.jpg")
    first = everything.write(tmp_path, "name", facts, found, picture_names=names, quick=True)
    second = everything.write(tmp_path, "name", facts, found, picture_names=names, quick=True)
    assert (first.name, second.name) == ("name.md", "name-2.md")
    text = first.read_text("utf-8") + first.with_suffix(".json").read_text("utf-8")
    assert "the table" in text
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text
    assert len(platform.node()) < 3 or platform.node() not in text


def test_the_parts_get_all_options_but_their_names() -> None:
    line = ["--quick", "--search", "levels=3", "--course-search", "--peer", "step"]
    given = parser(None).parse_args(line)
    handed = everything.handed_on(argparse.Namespace(**vars(given), parts=["step"], results=Path("x")))
    assert parser(None).parse_args(handed) == given
