"""Style by means and covariances: laws of the distances, their gradients, and whole evaluations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.evaluate.cases import picture
from tests.samples import TINY, painting, photo, tiny_weights
from torch import Tensor

from impasto.evaluate import Tiled, Whole
from impasto.losses.moments import Form, MomentTerm, measure_moments
from impasto.losses.statistic import pull
from impasto.objective import build
from impasto.presets import resolve
from impasto.vgg import Vgg

FORMS: list[Form] = ["centered", "moments"]


def features(*, channels: int = 5, height: int = 6, width: int = 7, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, height, width, generator=generator, dtype=torch.float64) + 0.5


def loss(form: Form, generated: Tensor, style: Tensor) -> Tensor:
    term = MomentTerm("conv1_1", measure_moments(style).mean(), form)
    return term.score(term.measure(generated))


@pytest.mark.parametrize("form", FORMS)
def test_a_style_is_at_distance_0_from_itself_and_only_from_itself(form: Form) -> None:
    f = features()
    assert float(loss(form, f, f)) == pytest.approx(0, abs=1e-5)
    assert float(loss(form, f, features(seed=1))) > 0.01


@pytest.mark.parametrize("form", FORMS)
def test_where_features_stand_does_not_matter(form: Form) -> None:
    f, other = features(), features(seed=1)
    shuffled = f.flatten(2)[:, :, torch.randperm(42, generator=torch.Generator().manual_seed(0))].view_as(f)
    assert float(loss(form, shuffled, other)) == pytest.approx(float(loss(form, f, other)), rel=1e-9)


def test_a_constant_added_to_channels_changes_nothing_of_covariances() -> None:
    f, other = features(), features(seed=1)
    shift = torch.arange(5, dtype=torch.float64).view(1, 5, 1, 1)
    assert float(loss("centered", f + shift, other)) == pytest.approx(float(loss("centered", f, other)), rel=1e-9)
    moved = loss("moments", f + shift, f)
    assert float(moved) == pytest.approx(float(shift.square().sum()) / 5, rel=1e-3), "and moves means by just that"


def test_the_wasserstein_distance_is_symmetric() -> None:
    f, other = features(), features(seed=1)
    assert float(loss("moments", f, other)) == pytest.approx(float(loss("moments", other, f)), rel=1e-4)


def test_for_independent_channels_it_is_that_of_their_deviations() -> None:
    def independent(scale: float) -> Tensor:
        """Two channels, each ± its deviation, without correlation."""
        return torch.tensor([[1.0, 1.0, -1.0, -1.0], [2.0, -2.0, 2.0, -2.0]], dtype=torch.float64).view(1, 2, 2, 2) * scale

    found = float(loss("moments", independent(3.0), independent(1.0)))
    assert found == pytest.approx(((3 - 1) ** 2 + (6 - 2) ** 2) / 2, rel=1e-3)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("guided", [False, True])
def test_gradients_pass_gradcheck(form: Form, guided: bool) -> None:
    guide = torch.rand(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) if guided else None
    term = MomentTerm("conv1_1", measure_moments(features(seed=1)).mean(), form, guide)
    f = features(height=3, width=4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: term.score(term.measure(x)), (f,))


@pytest.mark.parametrize("guided", [False, True])
def test_its_own_way_back_is_autograds(guided: bool) -> None:
    guide = torch.rand(6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64) if guided else None
    term = MomentTerm("conv1_1", torch.eye(6, dtype=torch.float64), "centered", guide)
    upstream = torch.rand(6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    upstream = upstream + upstream.T
    leaf = features().requires_grad_()
    (expected,) = torch.autograd.grad(term.measure(leaf).total, leaf, upstream)
    assert torch.allclose(pull(term, features(), upstream), expected)


@pytest.mark.parametrize("form", FORMS)
def test_few_positions_give_a_finite_gradient(form: Form) -> None:
    """Fewer positions than channels, or all alike: covariances without full rank."""
    for f in (features(channels=8, height=1, width=3), torch.ones(1, 8, 2, 3, dtype=torch.float64)):
        leaf = f.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(form, leaf, features(channels=8, seed=1)), leaf)
        assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("form", FORMS)
def test_tiles_give_the_value_and_gradient_of_the_whole(form: Form) -> None:
    vgg = Vgg(tiny_weights(TINY), dtype=torch.float64)
    content, style, x = (picture(a, torch.float64) for a in (photo(75, 91), painting(37, 45), photo(75, 91, seed=5)))
    values: dict[str, Any] = {"style_loss": form, "content_weight": 1.0, "style_weight": 5.0}
    objective = build(resolve(values), vgg, content, [style])
    expected, found = Whole(vgg, objective)(x), Tiled(vgg, objective, 32)(x)
    assert found.value == pytest.approx(expected.value, rel=1e-10)
    assert float((found.gradient - expected.gradient).norm() / expected.gradient.norm()) < 1e-8
