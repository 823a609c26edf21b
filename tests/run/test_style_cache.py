"""The laws of cached styles: the same picture with a cold cache, a warm one and none; nothing wrong is ever read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.samples import blend, painting, photo, tiny_weights
from torch import Tensor

from impasto import cache
from impasto.controls.guides import guide
from impasto.losses import gram
from impasto.losses.styles import Kind
from impasto.objective import Guides, Survey, style_grams
from impasto.presets import resolve
from impasto.run import Run, gather, style_cache
from impasto.run.result import result_of
from impasto.vgg import Vgg, load

LAYERS = ("conv1_1", "conv3_1", "conv5_1")
STYLE = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
OTHER = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(1))


class Measured:
    """Counts what is measured rather than read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        monkeypatch.setattr(style_cache, "style_grams", self)

    def __call__(
        self, vgg: Vgg, style: Tensor, layers: Sequence[str], survey: Survey, kind: Kind, guides: Guides | None
    ) -> dict[str, Tensor]:
        self.times += 1
        return style_grams(vgg, style, layers, survey, kind, guides)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    return Measured(monkeypatch)


@pytest.fixture
def vgg() -> Vgg:
    return Vgg(tiny_weights())


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return list(one) == list(other) and all(torch.equal(one[layer], other[layer]) for layer in one)


def picture(vgg: Vgg, styles: int = 1, **values: Any) -> Tensor:
    settings = resolve({"size": 128, "levels": 2, "iterations": 3, "pooling": vgg.pooling, **values})
    run = Run(settings, gather(photo(60, 80), [painting(70, 90, seed=seed) for seed in range(styles)], settings), vgg)
    for _ in run:
        pass
    return result_of(run).rgb


@pytest.mark.parametrize("styles", [1, 3])
def test_a_picture_is_the_same_with_no_cache_a_cold_one_and_a_warm_one(
    vgg: Vgg, measured: Measured, monkeypatch: pytest.MonkeyPatch, styles: int
) -> None:
    cold, times = picture(vgg, styles), measured.times
    warm = picture(vgg, styles)
    assert times == measured.times == 2 * styles
    monkeypatch.setenv("IMPASTO_CACHE", "/dev/null")
    none = picture(vgg, styles)
    assert measured.times == 2 * times
    assert torch.equal(none, cold) and torch.equal(none, warm)


def test_the_real_networks_matrices_are_read_as_they_were_measured() -> None:
    vgg = load("vgg19")
    with torch.no_grad():
        assert equal(style_cache.grams(vgg, STYLE, LAYERS), style_cache.grams(vgg, STYLE, LAYERS))


def test_a_matrix_that_was_read_lies_where_a_measured_one_may_lie(vgg: Vgg) -> None:
    style_cache.grams(vgg, STYLE, LAYERS)
    read = style_cache.grams(vgg, STYLE, LAYERS)
    assert all(matrix.data_ptr() % 64 == 0 and matrix.is_contiguous() for matrix in read.values())


def test_a_blend_is_made_of_its_styles_entries(vgg: Vgg, measured: Measured) -> None:
    for style in (STYLE, OTHER):
        style_cache.grams(vgg, style, LAYERS)
    blended = blend([style_cache.grams(vgg, style, LAYERS) for style in (OTHER, STYLE)], None)
    assert measured.times == 2
    assert equal(blended, blend([style_grams(vgg, style, LAYERS) for style in (OTHER, STYLE)], None))


def _louder(pixels: Tensor) -> Tensor:
    return (pixels * 1.0000001).clamp(max=1)


@pytest.mark.parametrize(
    "change",
    [
        lambda vgg: (vgg, OTHER, LAYERS),
        lambda vgg: (vgg, _louder(STYLE), LAYERS),
        lambda vgg: (vgg, STYLE[:, :, :32].contiguous(), LAYERS),
        lambda vgg: (vgg, STYLE.double(), LAYERS),
        lambda vgg: (vgg, STYLE, LAYERS[:2]),
        lambda vgg: (Vgg(vgg.weights, pooling="average"), STYLE, LAYERS),
        lambda vgg: (Vgg(vgg.weights, dtype=torch.float64), STYLE, LAYERS),
        lambda vgg: (Vgg(type(vgg.weights)(**{**vars(tiny_weights(seed=1)), "sha256": "1" * 64})), STYLE, LAYERS),
    ],
    ids=["style", "last bit", "size", "dtype", "layers", "pooling", "arithmetic", "weights"],
)
def test_whatever_changes_the_matrices_is_another_entry(
    vgg: Vgg, measured: Measured, change: Callable[[Vgg], tuple[Vgg, Tensor, Sequence[str]]]
) -> None:
    style_cache.grams(vgg, STYLE, LAYERS)
    style_cache.grams(*change(vgg))
    assert measured.times == len(cache.entries()) == 2


@pytest.mark.parametrize("version", [(style_cache, "ARITHMETIC"), (gram, "VERSION")])
def test_entries_of_another_version_are_not_read(
    vgg: Vgg, measured: Measured, monkeypatch: pytest.MonkeyPatch, version: tuple[Any, str]
) -> None:
    style_cache.grams(vgg, STYLE, LAYERS)
    monkeypatch.setattr(*version, -1)
    style_cache.grams(vgg, STYLE, LAYERS)
    assert measured.times == 2


def test_another_number_of_threads_is_another_entry(vgg: Vgg, measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    style_cache.grams(vgg, STYLE, LAYERS)
    monkeypatch.setattr("torch.get_num_threads", lambda: 7)
    style_cache.grams(vgg, STYLE, LAYERS)
    assert measured.times == 2


def test_another_input_convention_is_another_entry(vgg: Vgg, measured: Measured) -> None:
    style_cache.grams(vgg, STYLE, LAYERS)
    weights = replace(vgg.weights, convention=replace(vgg.weights.convention, range=256.0))
    style_cache.grams(Vgg(weights), STYLE, LAYERS)
    assert measured.times == 2


def test_other_compiled_convolutions_make_another_entry(vgg: Vgg, measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    style_cache.grams(vgg, STYLE, LAYERS)
    monkeypatch.setattr(Vgg, "arithmetic", "other convolutions")
    style_cache.grams(vgg, STYLE, LAYERS)
    assert measured.times == 2


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("damage", [_cut, _flipped, lambda _: b"", lambda _: b"text", lambda data: data[9:]])
def test_a_damaged_entry_is_measured_again_and_replaced(vgg: Vgg, measured: Measured, damage: Callable[[bytes], bytes]) -> None:
    right = style_cache.grams(vgg, STYLE, LAYERS)
    ((path, _),) = cache.entries()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert equal(style_cache.grams(vgg, STYLE, LAYERS), right)
    assert measured.times == 2
    assert equal(style_cache.grams(vgg, STYLE, LAYERS), right)
    assert measured.times == 2


def test_an_entry_under_another_ones_name_is_not_read(vgg: Vgg, measured: Measured) -> None:
    style_cache.grams(vgg, STYLE, LAYERS)
    ((one, _),) = cache.entries()
    right = style_cache.grams(vgg, OTHER, LAYERS)
    other = next(path for path, _ in cache.entries() if path != one)
    other.write_bytes(one.read_bytes())
    assert equal(style_cache.grams(vgg, OTHER, LAYERS), right)
    assert measured.times == 3


def test_a_folder_in_an_entrys_place_is_no_error(vgg: Vgg, measured: Measured) -> None:
    style_cache.grams(vgg, STYLE, LAYERS)
    ((path, _),) = cache.entries()
    path.unlink()
    (path / "inside").mkdir(parents=True)
    style_cache.grams(vgg, STYLE, LAYERS)
    assert measured.times == 2


def test_a_deleted_cache_is_made_anew(vgg: Vgg, measured: Measured, tmp_path: Path) -> None:
    style_cache.grams(vgg, STYLE, LAYERS)
    cache.cache_dir().rename(tmp_path / "gone")
    for _ in range(2):
        style_cache.grams(vgg, STYLE, LAYERS)
    assert measured.times == 2


def test_another_mask_of_a_style_is_another_entry(vgg: Vgg, measured: Measured) -> None:
    for value in (1.0, 0.5, 0.5):
        mask = torch.full(tuple(STYLE.shape[2:]), value)
        style_cache.grams(vgg, STYLE, LAYERS, guides={layer: guide(mask, vgg, layer)[0] for layer in vgg.path(LAYERS)})
    style_cache.grams(vgg, STYLE, LAYERS)
    assert measured.times == 3
