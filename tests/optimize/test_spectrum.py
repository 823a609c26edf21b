import pytest
import torch

from impasto.optimize import Lbfgs, Spectrum

SIZES = [(8, 8), (7, 9), (5, 12), (16, 3)]


def applied(metric, x):
    return metric.apply_(x.clone())


def random(height, width, seed=0):
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_power_0_changes_nothing():
    x = random(7, 9)
    assert torch.equal(applied(Spectrum(0.0), x), x)


@pytest.mark.parametrize("size", SIZES)
def test_it_is_symmetric_and_positive_definite(size):
    metric = Spectrum(0.7)
    x, y = random(*size), random(*size, seed=1)
    torch.testing.assert_close((applied(metric, x) * y).sum(), (x * applied(metric, y)).sum())
    assert (applied(metric, x) * x).sum() > 0


@pytest.mark.parametrize("power", [0.0, 0.7])
@pytest.mark.parametrize("size", SIZES)
def test_the_square_is_the_product_with_what_it_makes(size, power):
    x = random(*size)
    torch.testing.assert_close(Spectrum(power).square(x), (x * applied(Spectrum(power), x)).sum())


def test_a_wave_is_scaled_by_its_frequency():
    columns = torch.arange(64, dtype=torch.float64)
    for cycles in (4, 8, 16, 32):
        wave = torch.cos(2 * torch.pi * cycles / 64 * columns).expand(1, 3, 64, 64).contiguous()
        share = cycles / 64 / 0.5**0.5
        torch.testing.assert_close(applied(Spectrum(0.5), wave), share**-0.5 * wave)


def test_applied_twice_it_has_twice_the_power():
    x = random(9, 14)
    torch.testing.assert_close(applied(Spectrum(0.5), applied(Spectrum(0.5), x)), applied(Spectrum(1.0), x))


def test_lbfgs_with_a_metric_is_plain_lbfgs_in_other_coordinates():
    """x = P^½ z, so the gradient there is P^½ g, and H₀ = γ·P here is H₀ = γ·I there."""
    half, target = Spectrum(0.25), random(8, 6, seed=2)
    curvature = torch.linspace(1, 9, target.numel(), dtype=torch.float64).view_as(target)

    def gradient(x):
        return curvature * (x - target) + 0.1 * (x - target) ** 3

    ours = Lbfgs(history=5, metric=Spectrum(0.5), first_step_rms=1e-3, max_step_rms=1e9)
    theirs = Lbfgs(history=5, first_step_rms=1e-3, max_step_rms=1e9)
    z = torch.zeros_like(target)
    x = applied(half, z)
    first = applied(half, gradient(x))
    # The first step has a length of its own in either space: it is made the same here.
    theirs.first_step_rms *= float(first.square().mean().sqrt() / applied(half, first).square().mean().sqrt())
    for _ in range(12):
        x, z = ours.step(x, gradient(x)), theirs.step(z, applied(half, gradient(applied(half, z))))
        torch.testing.assert_close(x, applied(half, z), rtol=1e-6, atol=1e-8)
