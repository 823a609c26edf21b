"""Losses that compare a layer as a whole: their laws and gradients, how they are evaluated, and who refuses them."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from tests.evaluate.cases import picture
from tests.samples import TINY, WIDE, painting, photo, tiny_weights
from torch import Tensor

from impasto.errors import InvalidSettings
from impasto.evaluate import Tiled, TiledSurvey, Whole
from impasto.evaluate.memory import Demand
from impasto.evaluate.sharded import Sharded, divide
from impasto.losses import Compares, matching, sliced
from impasto.losses.matching import cosine_distance, nearest_distance, pairs, samples_of, some_positions, union
from impasto.losses.similarity import SelfSimilarityTerm, self_similarity
from impasto.losses.sliced import at_levels, directions, matched
from impasto.losses.styles import KIND_OF, SUMMARIES, SUMS, Loss, StyleTerm, mixed, of_nothing, style_term, version_of
from impasto.objective import EMPHASIS, Objective, build, style_grams
from impasto.presets import resolve
from impasto.run import Run, gather
from impasto.vgg import Vgg

LOSSES: list[Loss] = ["sliced", "histogram", "nearest", "ot"]
CONTENT, STYLE, X = (picture(a, torch.float64) for a in (photo(44, 52), painting(37, 45), photo(44, 52, seed=5)))


def features(*, channels: int = 5, height: int = 6, width: int = 7, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, height, width, generator=generator, dtype=torch.float64) + 0.5


def term(loss: Loss, style: Tensor, guide: Tensor | None = None) -> StyleTerm:
    return style_term(loss, "conv1_1", SUMMARIES[KIND_OF[loss]](style), guide)


def loss_of(loss: Loss, generated: Tensor, style: Tensor, guide: Tensor | None = None) -> float:
    one = term(loss, style, guide)
    return float(one.score(one.measure(generated)))


def shuffled(f: Tensor) -> Tensor:
    count = f.shape[2] * f.shape[3]
    return f.flatten(2)[:, :, torch.randperm(count, generator=torch.Generator().manual_seed(3))].view_as(f)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_style_is_at_distance_0_from_itself_and_only_from_itself(loss: Loss) -> None:
    f = features()
    assert loss_of(loss, f, f) == pytest.approx(0, abs=1e-12)
    assert loss_of(loss, features(seed=1), f) > 0.01


@pytest.mark.parametrize("loss", LOSSES)
def test_where_features_stand_does_not_matter(loss: Loss) -> None:
    f, other = features(), features(seed=1)
    assert loss_of(loss, shuffled(f), other) == pytest.approx(loss_of(loss, f, other), rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("guided", [False, True])
def test_gradients_pass_gradcheck(loss: Loss, guided: bool) -> None:
    guide = torch.rand(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) if guided else None
    one = term(loss, features(seed=1), guide)
    f = features(height=3, width=4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: one.score(one.measure(x)), (f,))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_guide_counts_only_its_positions(loss: Loss) -> None:
    f, style = features(), features(seed=1)
    left = torch.zeros(6, 7, dtype=torch.float64)
    left[:, :3] = 0.7
    assert loss_of(loss, f, style, left) == pytest.approx(loss_of(loss, f[:, :, :, :3], style), rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_flat_features_and_a_flat_style_give_finite_gradients(loss: Loss) -> None:
    for flat in (torch.zeros(1, 5, 2, 3, dtype=torch.float64), torch.ones(1, 5, 2, 3, dtype=torch.float64)):
        for style in (features(), flat):
            leaf, one = flat.clone().requires_grad_(), term(loss, style)
            (gradient,) = torch.autograd.grad(one.score(one.measure(leaf)), leaf)
            assert float(gradient.abs().max()) < 1e4


def test_histograms_are_moved_by_scipys_distance() -> None:
    """Of one channel, Wasserstein-1, which the same pairs of quantiles give."""
    generator = torch.Generator().manual_seed(0)
    values, style = (torch.randn(1, 60, generator=generator, dtype=torch.float64) for _ in range(2))
    moved = (values - matched(values, style.sort(1).values)).abs().mean()
    assert float(moved) == pytest.approx(wasserstein_distance(values[0].numpy(), style[0].numpy()), rel=1e-9)


def test_a_histogram_knows_nothing_of_other_channels_and_slices_do() -> None:
    f = features(channels=3, height=8, width=8)
    apart = torch.stack([shuffled(f)[0, 0], f[0, 1], f[0, 2]])[None]
    assert loss_of("histogram", apart, f) == pytest.approx(0, abs=1e-12)
    assert loss_of("sliced", apart, f) > 1e-4


def test_slices_do_not_know_how_often_a_style_is_repeated() -> None:
    f = features()
    assert loss_of("sliced", torch.cat([f, f], 3), f) < 0.02 * loss_of("sliced", features(seed=1), f)


def test_weights_of_1_are_no_weights() -> None:
    values, quantiles = features().flatten(2)[0], features(seed=1).flatten(2)[0].sort(1).values
    torch.testing.assert_close(matched(values, quantiles, torch.ones(42, dtype=torch.float64)), matched(values, quantiles))


def test_matching_some_directions_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = loss_of("sliced", features(), features(seed=1))
    monkeypatch.setattr(sliced, "_NUMBERS", 84)
    assert loss_of("sliced", features(), features(seed=1)) == pytest.approx(expected, rel=1e-12)


def test_quantiles_in_between_are_numpys() -> None:
    ordered = features().flatten(2)[0].sort(1).values
    levels = torch.linspace(0, 1, 17, dtype=torch.float64)
    expected = np.quantile(ordered.numpy(), levels.numpy(), axis=1, method="hazen").T
    np.testing.assert_allclose(at_levels(ordered, levels).numpy(), expected, atol=1e-12)


def test_directions_are_of_length_1_and_span_all() -> None:
    along = directions(7).double()
    torch.testing.assert_close(along @ along.T, torch.eye(7, dtype=torch.float64), atol=1e-6, rtol=0)
    assert torch.equal(directions(7), directions(7))


def test_nearest_neighbours_are_those_of_all_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, samples = features().flatten(2)[0].T, features(seed=1).flatten(2)[0].T[:30]
    table = torch.stack([cosine_distance(row.expand_as(samples), samples) for row in rows])
    monkeypatch.setattr(matching, "_BLOCK", 10)
    found = pairs(rows, samples)
    assert torch.equal(found.to_style, table.argmin(1))
    assert torch.equal(found.to_picture, table.argmin(0))


def test_nearest_neighbours_do_not_depend_on_mean_and_strength_of_features() -> None:
    f, samples = features().flatten(2)[0].T, features(seed=1).flatten(2)[0].T
    weight = torch.full((42,), 1 / 42, dtype=torch.float64)
    near = nearest_distance(f, samples, weight)
    assert float(nearest_distance(3 * f + torch.arange(5), samples, weight)) == pytest.approx(float(near), rel=1e-9)


def test_no_more_than_a_thousand_positions_are_kept_of_a_style() -> None:
    large = features(channels=2, height=60, width=60)
    assert samples_of(large).shape == (1024, 2)
    assert len(some_positions(3600).unique()) == 1024
    assert SUMMARIES["sliced"](large).shape == (2, 1024)


@pytest.mark.parametrize("kind", ["sliced", "histogram", "samples"])
def test_a_blend_of_one_style_is_that_style(kind: Any) -> None:
    for size in (5, 40):
        own = SUMMARIES[kind](features(height=size, width=size))
        assert torch.equal(mixed(kind, [own], None), own)
        if kind != "samples":
            torch.testing.assert_close(mixed(kind, [own, own], [0.3, 0.7]), own)
        else:
            both = mixed(kind, [own, own], [0.3, 0.7])
            assert {tuple(row) for row in both.tolist()} <= {tuple(row) for row in own.tolist()}


def test_samples_are_united_by_shares_even_where_one_style_has_few() -> None:
    many, few = torch.zeros(1024, 2), torch.ones(30, 2)
    both = union([many, few], [0.75, 0.25])
    assert int(both[:, 0].sum()) in {29, 30}
    assert float(both[:, 0].mean()) == pytest.approx(0.25, abs=0.02)


def test_kept_statistics_of_losses_are_not_taken_for_each_other() -> None:
    kinds: list[Any] = sorted(set(KIND_OF.values()))
    assert len({str(version_of(kind)) for kind in kinds}) == len(kinds)
    assert set(kinds) == set(SUMS) | set(SUMMARIES)


# Self-similarity.


def similarity(generated: Tensor, content: Tensor) -> Tensor:
    one = SelfSimilarityTerm("conv4_2", self_similarity(content), tuple(content.shape[2:]))  # type: ignore[arg-type]
    return one.score(one.measure(generated))


def test_a_photograph_is_like_itself_and_like_itself_turned_or_louder() -> None:
    f = features()
    turned = torch.einsum("ij,bjhw->bihw", torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0], f)
    assert float(similarity(f, f)) == 0
    assert float(similarity(3 * turned, f)) == pytest.approx(0, abs=1e-9)
    assert float(similarity(shuffled(f), f)) > 0.1


def test_the_gradient_of_self_similarity_passes_gradcheck() -> None:
    f = features(height=3, width=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: similarity(x, features(seed=1, height=3, width=3)), (f,))
    (gradient,) = torch.autograd.grad(similarity(torch.zeros_like(f) + f * 0, features(height=3, width=3)), f)
    assert bool(gradient.isfinite().all())


def test_self_similarity_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="position by position"):
        similarity(features(height=7, width=6), features())


# Evaluations.

CASES: list[dict[str, Any]] = [*({"style_loss": loss} for loss in LOSSES), {"content_loss": "selfsim"}]


def objective(vgg: Vgg, case: dict[str, Any], **more: Any) -> Any:
    return build(resolve({**case, "content_weight": 1.0, "style_weight": 5.0}), vgg, CONTENT, [STYLE], **more)


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_of_j_is_that_of_finite_differences(tiny_vgg: Vgg, case: dict[str, Any]) -> None:
    evaluate = Whole(tiny_vgg, objective(tiny_vgg, case))
    direction = torch.randn(X.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    step = 1e-7
    slope = (evaluate(X + step * direction).value - evaluate(X - step * direction).value) / (2 * step)
    assert slope == pytest.approx(float((evaluate(X).gradient * direction).sum()), rel=1e-4)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kept_from", [None, "conv2_1"])
def test_one_tile_is_the_whole_recomputed(case: dict[str, Any], kept_from: str | None) -> None:
    """With bands in the first block, which our own convolutions have."""
    vgg = Vgg(tiny_weights(WIDE))
    content, style, x = CONTENT.float(), STYLE.float(), X.float()
    goal = build(resolve(case), vgg, content, [style])
    whole, found = Whole(vgg, goal)(x), Tiled(vgg, goal, 64, kept_from)(x)
    assert found.value == pytest.approx(whole.value, rel=1e-5)
    assert float((found.gradient - whole.gradient).norm() / whole.gradient.norm()) < 1e-4


@pytest.mark.parametrize("case", CASES)
def test_tiles_are_refused_with_what_to_do(tiny_vgg: Vgg, case: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings, match="so tiles cannot compute it; use a smaller --size, or a loss that is a sum"):
        Tiled(tiny_vgg, objective(tiny_vgg, case), 32)(X)


@pytest.mark.parametrize("case", CASES)
def test_several_processes_are_refused(tiny_vgg: Vgg, case: dict[str, Any]) -> None:
    shards: Any = None
    with pytest.raises(InvalidSettings, match="so several processes cannot compute it"):
        Sharded(tiny_vgg, objective(tiny_vgg, case), shards, divide((44, 52), [1, 1], stride=16))(X)


@pytest.mark.parametrize("case", CASES)
def test_a_run_of_several_processes_is_refused_before_it_begins(case: dict[str, Any]) -> None:
    together: Any = object()
    settings = resolve({"size": 64, **case})
    with pytest.raises(InvalidSettings, match="so several processes cannot compute it"):
        Run(settings, gather(photo(48, 64), [painting(48, 64)], settings), Vgg(tiny_weights()), together=together)


def test_too_little_memory_is_said_with_what_to_do() -> None:
    settings = resolve({"size": 2000, "memory": "64MB", "style_loss": "ot"})
    run = Run(settings, gather(photo(60, 80), [painting(60, 80)], settings), Vgg(tiny_weights()))
    with pytest.raises(InvalidSettings, match="smaller --size, or losses that are sums, which go in tiles"):
        run.budget.check()


@pytest.mark.parametrize("loss", LOSSES)
def test_masks_say_where_a_style_pulls(tiny_vgg: Vgg, loss: Loss) -> None:
    """To the left of a mask that is white to the right, only the photograph does, beyond what layers see."""
    mask = torch.zeros(44, 52, dtype=torch.float64)
    mask[:, 36:] = 1
    goal = objective(tiny_vgg, {"style_loss": loss, "style_layers": {"conv1_1": 1.0, "conv2_1": 1.0}}, masks=[mask])
    styled = Objective([part for part in goal.parts if part.part == "style"], goal.weights)
    gradient = Whole(tiny_vgg, styled)(X).gradient
    assert float(gradient[..., :28].abs().max()) == 0
    assert float(gradient[..., 36:].abs().max()) > 0


def test_a_tileable_picture_has_them_too() -> None:
    settings = resolve(
        {"size": "64x48", "levels": 1, "iterations": 3, "content_weight": 0.0, "tileable": True, "style_loss": "sliced"}
    )
    style = painting(48, 64)
    run = Run(settings, gather(style, [style], settings), Vgg(tiny_weights(), pooling=settings.pooling))
    losses = [step.loss for step in run]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("style_loss", "content_loss"), [*((loss, "features") for loss in get_args(Loss)), ("gram", "selfsim"), ("gram", "laplacian")]
)
def test_settings_know_which_terms_need_the_whole_and_the_plan_offers_only_that(style_loss: str, content_loss: str) -> None:
    vgg = Vgg(tiny_weights(TINY), dtype=torch.float64)
    settings = resolve({"style_loss": style_loss, "content_loss": content_loss})
    goal = build(settings, vgg, CONTENT, [STYLE])
    whole = any(isinstance(part.term, Compares) for part in goal.parts)
    assert settings.compares_whole == whole
    plans = Demand(vgg, goal.layers, settings).plans((500, 700))
    assert all(plan.tile_px is None for plan in plans) == whole
    assert len({plan.kept_from for plan in plans if plan.tile_px is None}) > 1


@pytest.mark.parametrize("style_loss", LOSSES)
def test_what_is_kept_of_layers_is_in_the_plan(style_loss: str) -> None:
    vgg = Vgg(tiny_weights(WIDE))
    plain, more = (
        Demand(vgg, ("conv1_1", "conv5_1"), resolve({"style_loss": loss})).plans((500, 700))[0] for loss in ("gram", style_loss)
    )
    assert more.memory - plain.memory > 2 * 4 * 32 * 500 * 700


@pytest.mark.parametrize("loss", LOSSES)
def test_a_normalised_style_is_its_share_where_nothing_of_its_target_is_met(tiny_vgg: Vgg, loss: Loss) -> None:
    for part in objective(tiny_vgg, {"style_loss": loss, "strength": 0.5}).parts:
        if part.part == "style":
            nothing = float(of_nothing(part.term))
            share = resolve({}).style_layers[part.term.layer] * EMPHASIS.get(loss, 1)
            assert part.weight * nothing == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize("kind", ["sliced", "histogram", "samples"])
def test_a_style_is_measured_in_tiles_as_a_whole(kind: Any) -> None:
    vgg = Vgg(tiny_weights(TINY), dtype=torch.float64)
    layers = ["conv1_1", "conv3_1"]
    whole = style_grams(vgg, STYLE, layers, kind=kind)
    tiled = style_grams(vgg, STYLE, layers, TiledSurvey(16, ("conv3_1",)), kind)
    for layer in layers:
        assert whole[layer].shape == tiled[layer].shape
        if kind != "samples":
            torch.testing.assert_close(tiled[layer], whole[layer])
