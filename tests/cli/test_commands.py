"""The commands at the smallest size: what they write, print and return."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto import cache, manifest
from impasto.cli.stylize import stylize
from impasto.native import library
from impasto.presets import PRESETS, resolve
from impasto.run import budget
from impasto.settings import Settings, read_file

Command = Callable[..., Any]  # the fixture `impasto`: arguments → (code, out, err)
SMALL = ("--size", "64", "--iterations", "3")


def pixels(path: Path | str) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.mark.usefixtures("real_network")
def test_stylize_writes_a_picture_and_prints_its_path(here: Path, impasto: Command) -> None:
    ended = impasto("stylize", "photo.png", "paint.png", *SMALL)
    assert (ended.code, ended.out) == (0, "output/photo_paint.png\n")
    assert pixels("output/photo_paint.png").shape == (48, 64, 3)
    assert "J " in ended.err and "--size original" in ended.err
    assert re.search(r"64×48, \d\.\d GB of \d+\.\d GB, about \d+ s", ended.err)


def test_estimate_says_how_a_run_would_go_and_makes_nothing(
    here: Path, impasto: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "base_bytes", lambda _: 10**9)
    monkeypatch.setattr(budget, "available_bytes", lambda _: 8 * 10**9)
    before = sorted(here.rglob("*"))
    ended = impasto("estimate", "photo.png", "paint.png", "--size", "4096x3072", "--memory", "2GB")
    assert ended.code == 0
    way = r"4,096×3,072 in \d+ tiles of [\d,]+ px(, recomputed to \w+)?, 5 pairs of history, \d\.\d GB on disk"
    assert re.match(way + r", [12]\.\d GB of 2\.0 GB", ended.out)
    facts = json.loads(impasto("estimate", "photo.png", "paint.png", "--size", "64", "--json").out)
    assert [(level["width"], level["height"], level["tiles"]) for level in facts["levels"]] == [(64, 48, 1)]
    assert 10**9 < facts["bytes"] < facts["free_bytes"] == 8 * 10**9 and facts["seconds"] > 0
    assert sorted(here.rglob("*")) == before


def test_a_second_run_gets_a_name_of_its_own(here: Path, impasto: Command) -> None:
    assert [impasto("stylize", "photo.png", "paint.png", *SMALL, "-q").out for _ in range(2)] == [
        "output/photo_paint.png\n",
        "output/photo_paint-2.png\n",
    ]


def test_quiet_prints_the_path_only(here: Path, impasto: Command) -> None:
    ended = impasto("stylize", "photo.png", "paint.png", *SMALL, "--quiet", "-o", "a.png")
    assert ended == (0, "a.png\n", "")


def test_json_is_one_object(here: Path, impasto: Command) -> None:
    facts = json.loads(impasto("stylize", "photo.png", "paint.png", *SMALL, "--json", "-o", "a.png").out)
    assert facts["finished"] and facts["picture"] == "a.png"
    assert facts["manifest"]["settings"]["iterations"] == 3


def test_an_existing_picture_is_kept_without_overwrite(here: Path, impasto: Command) -> None:
    Path("a.png").write_bytes(b"mine")
    ended = impasto("stylize", "photo.png", "paint.png", *SMALL, "-o", "a.png")
    assert ended.code == 2 and "--overwrite" in ended.err and Path("a.png").read_bytes() == b"mine"
    assert impasto("stylize", "photo.png", "paint.png", *SMALL, "-o", "a.png", "--overwrite", "-q").code == 0
    assert pixels("a.png").shape == (48, 64, 3)


@pytest.mark.parametrize("name", ["with space.png", "brackets[1](2).png", "ünïcödé 画.png"])
def test_any_name_works(here: Path, impasto: Command, name: str) -> None:
    Path("photo.png").rename(name)
    ended = impasto("stylize", name, "paint.png", *SMALL, "-q")
    assert ended.code == 0
    assert Path(ended.out.rstrip("\n")).name == f"{Path(name).stem}_paint.png"


def test_a_tilde_is_the_home_folder(here: Path, impasto: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    assert impasto("stylize", "~/photo.png", "~/paint.png", *SMALL, "-q", "-o", "~/a.png").code == 0
    assert (here / "a.png").exists()


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.tif", "a.png"])
def test_each_format_is_written(here: Path, impasto: Command, name: str) -> None:
    assert impasto("stylize", "photo.png", "paint.png", *SMALL, "-q", "-o", name).code == 0
    assert pixels(name).shape == (48, 64, 3)


def test_several_styles_are_blended(here: Path, impasto: Command) -> None:
    Image.fromarray(np.flip(pixels("paint.png"), 2)).save("other.png")
    assert impasto("stylize", "photo.png", "paint.png", "other.png", *SMALL, "-q").out == "output/photo_paint_other.png\n"


def test_options_win_over_the_settings_file_and_that_over_the_preset(here: Path, impasto: Command) -> None:
    Path("s.toml").write_text('preset = "coursera"\niterations = 9\nsize = "64x48"\nsave-every = 50\n')
    impasto("stylize", "photo.png", "paint.png", "--settings", "s.toml", "--iterations", "2", "-q", "-o", "a.png")
    settings = manifest.load(Path("a.png"))["settings"]
    assert (settings["preset"], settings["iterations"], settings["size"]) == ("coursera", 2, [64, 48])


def test_a_settings_file_may_name_styles_and_masks(here: Path, impasto: Command) -> None:
    Image.fromarray(np.tile(np.array([0, 255], np.uint8).repeat(32), (48, 1))).save("m.png")
    Path("s.toml").write_text('style = ["paint.png:0.3", "photo.png"]\nmask = "m.png"\nstyle-mask = ["-", "m.png"]\nsize = 64\n')
    few = ("--settings", "s.toml", "--iterations", "3", "-q", "--overwrite", "-o", "a.png")
    assert impasto("stylize", "photo.png", *few).code == 0
    facts = manifest.load(Path("a.png"))
    assert [style["name"] for style in facts["styles"]] == ["paint", "photo"]
    assert facts["settings"]["style_weights"] == [0.3, 1.0]
    assert (list(facts["masks"]), list(facts["style_masks"])) == (["0", "1"], ["1"])
    assert impasto("stylize", "photo.png", "paint.png", *few).code == 2, "two style masks, and the option names one style"
    Path("s.toml").write_text("mask = 3\n")
    ended = impasto("stylize", "photo.png", "paint.png", *few)
    assert ended.code == 2 and "the settings file has mask = 3, expected a path in quotes" in ended.err


@pytest.mark.usefixtures("real_network")
def test_repeat_makes_the_same_picture_again(here: Path, impasto: Command) -> None:
    impasto("stylize", "photo.png", "paint.png", *SMALL, "--init", "noise", "--seed", "7", "-q", "-o", "a.png")
    assert impasto("repeat", "a.png", "-q", "-o", "b.png").code == 0
    np.testing.assert_array_equal(pixels("a.png"), pixels("b.png"))


def test_repeat_keeps_what_auto_chose(here: Path, impasto: Command) -> None:
    few = ("--size", "48", "--iterations", "2", "--style-layers", "conv1_1", "--content-layers", "conv2_1", "-q")
    impasto("stylize", "photo.png", "paint.png", *few, "-o", "a.png")
    facts = manifest.load(Path("a.png"))
    assert facts["settings"]["precision"] == "auto" and facts["precision"] in {"float32", "bfloat16"}
    for chosen in ("float32", "bfloat16"):  # as on a machine where auto chose this one
        Path("then.json").write_text(json.dumps({**facts, "precision": chosen}))
        assert impasto("repeat", "then.json", "-q", "-o", f"{chosen}.png").code == 0
        assert manifest.load(Path(f"{chosen}.png"))["precision"] == chosen


def test_repeat_finds_moved_inputs_only_when_told_and_only_the_same(here: Path, impasto: Command) -> None:
    impasto("stylize", "photo.png", "paint.png", *SMALL, "-q", "-o", "a.png")
    Path("photo.png").rename("moved.png")
    assert "--content" in impasto("repeat", "a.png").err
    assert "is not the picture it was" in impasto("repeat", "a.png", "--content", "paint.png").err
    assert impasto("repeat", "a.png", "--content", "moved.png", "-q").code == 0


def test_repeat_finds_moved_masks_when_told(here: Path, impasto: Command) -> None:
    for name in ("m.png", "s.png", "c.png"):
        Image.fromarray(np.tile(np.array([0, 255], np.uint8).repeat(20), (30, 1))).save(name)
    made = ("--mask", "m.png", "--style-mask", "s.png", "--color", "content", "--color-mask", "c.png", "-q", "-o", "a.png")
    assert impasto("stylize", "photo.png", "paint.png", *SMALL, *made).code == 0
    facts = manifest.load(Path("a.png"))
    assert (list(facts["masks"]), list(facts["style_masks"]), facts["color_mask"]["name"]) == (["0"], ["0"], "c")
    for name in ("m.png", "s.png", "c.png"):
        Path(name).rename(f"moved-{name}")
    assert "--mask" in impasto("repeat", "a.png").err
    moved = ("--mask", "moved-m.png", "--style-mask", "moved-s.png", "--color-mask", "moved-c.png")
    assert impasto("repeat", "a.png", *moved, "-q", "-o", "b.png").code == 0
    np.testing.assert_array_equal(pixels("a.png"), pixels("b.png"))


def test_repeat_needs_a_picture_of_ours(here: Path, impasto: Command) -> None:
    ended = impasto("repeat", "photo.png")
    assert ended.code == 2 and "no manifest" in ended.err


def test_repeat_works_from_elsewhere_and_keeps_the_format(here: Path, impasto: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    impasto("stylize", "photo.png", "paint.png", *SMALL, "-q", "-o", "output/a.webp")
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    ended = impasto("repeat", "../output/a.webp", "-q")
    assert (ended.code, ended.out) == (0, "output/photo_paint.webp\n")
    np.testing.assert_array_equal(pixels("output/photo_paint.webp"), pixels("../output/a.webp"))


@pytest.mark.parametrize("text", ['{"format": "impasto-manifest 1"}', "[]", "no json"])
def test_a_broken_manifest_is_an_error_in_one_line(here: Path, impasto: Command, text: str) -> None:
    Path("m.json").write_text(text)
    ended = impasto("repeat", "m.json")
    assert ended.code == 2 and "manifest" in ended.err and ended.err.count("\n") == 1


def test_names_with_brackets_are_shown_as_they_are(here: Path, impasto: Command) -> None:
    Path("photo.png").rename("photo[red].png")
    assert "photo[red]" in impasto("stylize", "photo[red].png", "paint.png", *SMALL).err


def test_presets_are_listed_and_shown_as_settings_files(here: Path, impasto: Command) -> None:
    listed = impasto("presets", "list").out
    for name, preset in PRESETS.items():
        assert name in listed
        shown = impasto("presets", "show", name).out
        assert preset.source in shown
        Path("s.toml").write_text(shown)
        assert resolve(read_file(Path("s.toml"))) == preset.settings()


def test_doctor_finds_nothing_wrong_here(here: Path, impasto: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 64)  # the tests themselves take one thread each
    ended = impasto("doctor")
    assert ended.code == 0 and "all is well" in ended.out
    assert "vgg19 verified" in ended.out and "GiB free" in ended.out
    own = library()
    assert ("PyTorch's convolutions" if own is None else f"own convolutions ({own.name}") in ended.out
    assert f"0.0 MiB of measured styles in {cache.cache_dir()}" in ended.out


def test_doctor_and_stylize_say_that_the_kernels_asked_for_are_not_here(
    here: Path, impasto: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPASTO_KERNELS", "sse9")
    library.cache_clear()
    doctor, stylize = impasto("doctor"), impasto("stylize", "photo.png", "paint.png", *SMALL)
    library.cache_clear()
    assert doctor.code == 1 and "problem   IMPASTO_KERNELS is 'sse9'" in doctor.out
    assert stylize.code == 2 and stylize.err.splitlines()[-1].startswith("impasto: IMPASTO_KERNELS is 'sse9'")
    assert "Traceback" not in stylize.err


def test_every_setting_has_its_option_and_every_option_its_setting() -> None:
    parameters = set(inspect.signature(stylize).parameters)
    others = {
        "content",
        "styles",
        "more_styles",
        "mask",
        "regions",
        "style_masks",
        "color_mask",
        "out",
        "losses",
        "settings_file",
        "checkpoint_every",
        "shares",
        "overwrite",
        "no_record",
        "quiet",
        "as_json",
    }
    assert parameters - others == set(Settings.model_fields)


def test_every_flag_in_the_documentation_exists(impasto: Command) -> None:
    known = set()
    for command in (
        ["stylize"],
        ["estimate"],
        ["texture"],
        ["reconstruct"],
        ["sheet"],
        ["score"],
        ["regions"],
        ["style", "make"],
        ["style", "show"],
        ["batch"],
        ["worker"],
        ["serve"],
        ["resume"],
        ["repeat"],
        ["weights", "import"],
        ["weights", "fetch"],
        [],
    ):
        known |= set(re.findall(r"--[a-z][a-z-]*", impasto(*command, "--help").out))
    root = Path(__file__).parents[2]
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    commands = [line for page in pages for line in page.read_text("utf-8").splitlines() if re.match(r"\s*(\$ )?impasto ", line)]
    assert commands
    used = {flag for line in commands for flag in re.findall(r"--[a-z][a-z-]*", line)}
    assert used <= known


def test_every_flag_of_stylize_is_documented_with_its_default(impasto: Command) -> None:
    page = (Path(__file__).parents[2] / "docs" / "options.md").read_text("utf-8")
    flags = set(re.findall(r"--[a-z][a-z-]*", impasto("stylize", "--help").out)) - {"--help"}
    assert flags <= set(re.findall(r"--[a-z][a-z-]*", page))
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, int | float | str):
            assert f"`--{name.replace('_', '-')}` | {field.description.replace('|', chr(92) + '|')} | `{field.default}` |" in page


BAD = {
    "missing file": (["missing.png", "paint.png"], "missing.png"),
    "directory": ([".", "paint.png"], "folder"),
    "empty file": (["empty.png", "paint.png"], "empty"),
    "truncated JPEG": (["truncated.jpg", "paint.png"], "truncated.jpg"),
    "text named jpg": (["text.jpg", "paint.png"], "text.jpg"),
    "too many pixels": (["photo.png", "paint.png", "--max-pixels", "100"], "100"),
    "1x1": (["one.png", "paint.png"], "32 px"),
    "1x5000": (["thin.png", "paint.png"], "32 px"),
    "style 1x1": (["photo.png", "one.png"], "32 px"),
    "unknown layer": (["photo.png", "paint.png", "--style-layers", "conv42"], "did you mean conv4_2"),
    "unknown preset": (["photo.png", "paint.png", "--preset", "gatys"], "did you mean gatys2015"),
    "unknown device": (["photo.png", "paint.png", "--device", "cdua"], "did you mean"),
    "absent device": (["photo.png", "paint.png", "--device", "cuda:7"], "not available"),
    "negative weight": (["photo.png", "paint.png", "--style-weight", "-1"], "style_weight"),
    "nan weight": (["photo.png", "paint.png", "--content-weight", "nan"], "content_weight"),
    "no memory": (["photo.png", "paint.png", "--memory", "much"], "write 4GB, 1.5GiB or 800MB"),
    "too little memory": (
        ["photo.png", "paint.png", "--memory", "64MB"],
        "GB are allowed; allow more, or choose a smaller --size",
    ),
    "no number": (["photo.png", "paint.png", "--strength", "much"], "--strength"),
    "wrong weights": (["photo.png", "paint.png", "--network", "text.jpg"], "text.jpg"),
    "unknown network": (["photo.png", "paint.png", "--network", "vgg91"], "vgg19"),
    "too many masks": (["photo.png", "paint.png", "--mask", "photo.png", "--mask", "paint.png"], "--mask is given 2 times"),
    "too many colour masks": (
        ["photo.png", "paint.png", "--color", "content", "--color-mask", "photo.png", "--color-mask", "paint.png"],
        "--color-mask is given 2 times",
    ),
    "a mask for nothing": (["photo.png", "--region", "photo.png=paint.png", "--mask", "photo.png"], "there are none"),
    "too many style masks": (
        ["photo.png", "paint.png", "--style-mask", "-", "--style-mask", "photo.png"],
        "there are 2 --style-mask for 1 styles",
    ),
    "colour mask alone": (["photo.png", "paint.png", "--color-mask", "photo.png"], "give --color content with it"),
    "unknown strokes": (["photo.png", "paint.png", "--style-strokes", "thin"], "style_strokes"),
    "no style file": (["photo.png", "missing.style"], "missing.style does not exist"),
    "unknown format": (["photo.png", "paint.png", "-o", "a.xyz"], ".xyz"),
    "16-bit JPEG": (["photo.png", "paint.png", "-o", "a.jpg", "--bits", "16"], "16"),
    "folder cannot be made": (["photo.png", "paint.png", "-o", "text.jpg/a.png"], "text.jpg"),
    "losses in no form": (["photo.png", "paint.png", "--losses", "a.txt"], ".csv"),
    "missing settings": (["photo.png", "paint.png", "--settings", "no.toml"], "no.toml"),
    "unknown start": (["photo.png", "paint.png", "--init", "contnt"], "did you mean content"),
    "missing start": (["photo.png", "paint.png", "--init", "no/start.png"], "start.png"),
    "no style": (["photo.png"], "no style picture was given"),
    "unknown option": (["photo.png", "paint.png", "--strenght", "1"], "--strenght"),
    "nobody's home": (["photo.png", "paint.png", "--size", "64", "-o", "~nobody77/text.jpg/a.xyz"], ".xyz"),
    "name too long": (["photo.png", "paint.png", "--size", "64", "-o", "x" * 247 + ".png"], "too long"),
    "losses in a file": (["photo.png", "paint.png", "--losses", "text.jpg/l.csv"], "text.jpg"),
    "losses over the picture": (["photo.png", "paint.png", "-o", "a.png", "--losses", "a.png"], "losses"),
    "output over an input": (["photo.png", "paint.png", "-o", "photo.png", "--overwrite"], "input"),
    "size of nothing": (["photo.png", "paint.png", "--size", "0"], "size"),
    "tiny size": (["photo.png", "paint.png", "--size", "16"], "32 px"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line_and_exit_code_2(here: Path, impasto: Command, case: str) -> None:
    Path("empty.png").touch()
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save("one.png")
    Image.fromarray(np.zeros((5000, 1, 3), np.uint8)).save("thin.png")
    Image.fromarray(pixels("photo.png")).save("truncated.jpg")
    Path("truncated.jpg").write_bytes(Path("truncated.jpg").read_bytes()[:600])
    Path("text.jpg").write_text("this is not a picture")
    Path("folder.png").mkdir()
    before = sorted(here.rglob("*"))
    arguments, words = BAD[case]
    ended = impasto("stylize", *arguments)
    assert ended.code == 2, ended
    assert words in ended.err
    assert "Traceback" not in ended.err and "pydantic" not in ended.err
    assert ended.err.startswith("impasto: ") and ended.err.count("\n") == 1
    assert sorted(here.rglob("*")) == before
