"""Settings check themselves, and say what is wrong in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from impasto.errors import ImpastoError, InvalidSettings, UnknownName
from impasto.presets import PRESETS, resolve
from impasto.settings import Settings, layer_weights, parse, read_file


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("conv4_2", {"conv4_2": 1.0}),
        ("relu4_2:0.5", {"conv4_2": 0.5}),
        ("conv1_1:1, conv2_1:2", {"conv1_1": 1.0, "conv2_1": 2.0}),
        (["conv1_1:3", "conv2_1"], {"conv1_1": 3.0, "conv2_1": 1.0}),
        ({"relu1_1": 2}, {"conv1_1": 2.0}),
    ],
)
def test_layers_are_read_in_each_form(given_: object, expected: dict[str, float]) -> None:
    assert layer_weights(given_) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("512", 512),
        ("640x480", (640, 480)),
        ("640×480", (640, 480)),
        ("original", "original"),
        ([4, 3], (4, 3)),
        (512.0, 512),
    ],
)
def test_sizes_are_read_in_each_form(size: object, expected: object) -> None:
    assert parse({"size": size}).size == expected


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"strength": 1.5}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"content_weight": -1}, "content_weight"),
        ({"style_weight": float("inf")}, "style_weight"),
        ({"variation_weight": float("nan")}, "variation_weight"),
        ({"content_layers": "conv4_2:-1"}, "conv4_2"),
        ({"content_layers": "conv4_2:nan"}, "conv4_2"),
        ({"style_layers": "conv4_2:x"}, "not a number"),
        ({"style_layers": "conv1_1,conv1_1"}, "twice"),
        ({"style_layers": ",conv1_1"}, "missing"),
        ({"style_layers": "conv1_1:0"}, "all layer weights are 0"),
        ({"style_layers": 5}, "style_layers"),
        ({"style_layers": "conv4_9"}, "did you mean"),
        ({"content_layers": "relu6_1"}, "no layer of vgg19"),
        ({"network": "vgg16", "style_layers": "conv3_4"}, "no layer of vgg16"),
        ({"size": "big"}, "640x480"),
        ({"size": 0}, "640x480"),
        ({"size": "0x10"}, "640x480"),
        ({"iterations": 0}, "iterations"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"optimizer": "sgd"}, "lbfgs"),
        ({"pooling": "avg"}, "average"),
        ({"device": "gpu"}, "did you mean cpu"),
        ({"device": "cpu:1"}, "device"),
        ({"strenght": 0.5}, "did you mean strength"),
        ({"content_weight": 0, "style_weight": 0}, "neither"),
        ({"content_weight": 1e-46}, "1e-12"),
        ({"style_weight": 1e30}, "1e12"),
        ({"preset": "coursera", "strength": 0.9}, "no effect"),
        ({"content_weight": 1, "style_weight": 1, "strength": 0.9}, "no effect"),
        ({"preset": "courserra"}, "did you mean coursera"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(values: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        resolve(values)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_later_layers_win_over_the_preset() -> None:
    settings = resolve({"preset": "coursera", "iterations": 7}, {"iterations": 9})
    assert (settings.iterations, settings.content_weight, settings.preset) == (9, 10.0, "coursera")


def test_a_settings_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('preset = "coursera"\nstyle-layers = "conv1_1:2"\nsize = [320, 240]\n')
    settings = resolve(read_file(path))
    assert (settings.style_layers, settings.size) == ({"conv1_1": 2.0}, (320, 240))


@pytest.mark.parametrize("content", [b"size = ", b"\xe9 = 1", b"a\0", b"a = " + b"[" * 100_000, None])
def test_a_broken_settings_file_is_an_error_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "s.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSettings, match="TOML"):
        read_file(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_settings_file_is_read_in_each_encoding_of_unicode(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "s.toml").write_bytes("# größe\r\nsize = 64\r\nstrength = 0.3\r\n".encode(encoding))
    assert read_file(tmp_path / "s.toml") == {"size": 64, "strength": 0.3}


def test_two_spellings_of_one_setting_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("style-weight = 1\nstyle_weight = 2\n")
    with pytest.raises(InvalidSettings, match="style-weight and style_weight, which are one setting"):
        read_file(tmp_path / "s.toml")


def test_relative_paths_of_a_settings_file_are_those_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "m=1.png").write_bytes(b"")
    (tmp_path / "s.toml").write_text(
        'style = ["a.jpg:0.3", "/b.jpg"]\nmask = "m.png"\nstyle-mask = ["-", "n.png"]\nregion = "m=1.png=c.jpg"\n'
        'network = "vgg16"\ninit = "blend"\npreset = "coursera"\n'
    )
    assert read_file(tmp_path / "s.toml") == {
        "style": [f"{tmp_path}/a.jpg:0.3", "/b.jpg"],
        "mask": f"{tmp_path}/m.png",
        "style_mask": ["-", f"{tmp_path}/n.png"],
        "region": f"{tmp_path}/m=1.png={tmp_path}/c.jpg",
        "network": "vgg16",
        "init": "blend",
        "preset": "coursera",
    }


def test_a_settings_file_in_this_folder_leaves_paths_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text('style = "a.jpg"\nnetwork = "own.pth"\n')
    assert read_file(Path("s.toml")) == {"style": "a.jpg", "network": "own.pth"}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_the_way_through_json(name: str) -> None:
    settings = PRESETS[name].settings()
    assert parse(settings.model_dump(mode="json")) == settings
    assert PRESETS[name].source


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(sorted(Settings.model_fields)),
        st.one_of(
            st.none(),
            st.text(max_size=12),
            st.integers(),
            st.floats(),
            st.lists(st.text(max_size=5), max_size=3),
        ),
        max_size=4,
    )
)
def test_any_values_are_settings_or_one_line(values: dict[str, object]) -> None:
    try:
        resolve(values)
    except ImpastoError as error:
        assert "\n" not in str(error)


def test_unknown_names_propose_the_nearest() -> None:
    assert "did you mean conv4_2" in str(UnknownName("layer", "conv42", ["conv4_2", "conv5_1"]))


@pytest.mark.parametrize("module", ["impasto", "impasto.settings", "impasto.presets", "impasto.errors", "impasto.cli.main"])
def test_it_starts_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
