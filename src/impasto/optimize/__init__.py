"""Optimisers over a tensor; they know nothing of pictures."""

from impasto.optimize.adam import Adam
from impasto.optimize.bounds import Bounds
from impasto.optimize.lbfgs import Lbfgs
from impasto.optimize.loop import Loop, Optimizer, Rollback
from impasto.optimize.spectrum import Spectrum, spectral_weights
from impasto.optimize.vectors import Vectors

__all__ = ["Adam", "Bounds", "Lbfgs", "Loop", "Optimizer", "Rollback", "Spectrum", "Vectors", "spectral_weights"]
