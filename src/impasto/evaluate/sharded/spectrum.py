"""The metric of L-BFGS (optimize/spectrum.py) on planes that lie in bands of rows over the processes, exactly.

Waves along a row are found by its owner.  For those along columns the spectrum is transposed: each process gets some of its
columns, all rows of them.  That sends what a picture holds, once there and once back.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from impasto.evaluate.sharded.division import Division, fractions, rows
from impasto.evaluate.sharded.group import Shards
from impasto.optimize import spectral_weights


@dataclass(frozen=True)
class ShardedSpectrum:
    """The metric of a power; 0 is the identity."""

    power: float
    shards: Shards
    division: Division

    def apply_(self, x: Tensor) -> Tensor:
        """P·x of the band x [1, 3, rows, W], in its place, plane by plane."""
        if self.power != 0:
            for plane in x[0]:
                waves = self._there(plane)
                waves *= self._weights(x)
                plane.copy_(self._back(waves))
        return x

    def square(self, x: Tensor) -> Tensor:
        """Return xᵀ·P·x of all bands: Σ w·|Fx|²/(H·W), where all waves but those of the first and the last column count twice."""
        if self.power == 0:
            return self.shards.add_up(torch.dot(x.view(-1), x.view(-1)))
        height, width = self.division.size
        own = self._columns[self.shards.rank]
        times = torch.full((own.stop - own.start,), 2.0, dtype=torch.float32, device=x.device)
        for column in {0, width // 2} if width % 2 == 0 else {0}:
            if own.start <= column < own.stop:
                times[column - own.start] = 1.0
        weights = self._weights(x) * times
        sums = [(self._there(plane).abs().square_() * weights).sum(dtype=torch.float64) for plane in x[0]]
        return self.shards.add_up(torch.stack(sums).sum() / (height * width)).to(x.dtype)

    @property
    def _columns(self) -> list[slice]:
        """The columns of the spectrum that each process gets."""
        across = self.division.size[1] // 2 + 1
        cuts = [0, *(round(part * across) for part in fractions(self.shards.shares))]
        return [slice(start, stop) for start, stop in pairwise(cuts)]

    def _weights(self, like: Tensor) -> Tensor:
        weights = spectral_weights(*self.division.size, self.power, like.dtype, like.device)
        return weights[:, self._columns[self.shards.rank]]

    def _there(self, plane: Tensor) -> Tensor:
        """Of the rows [rows, W] of this process all rows of its columns of the spectrum, [H, columns]."""
        across = plane.shape[1] // 2 + 1
        # A transform of nothing is an error of the library.
        waves = (
            torch.fft.rfft(plane)
            if plane.shape[0]
            else torch.zeros((0, across), dtype=plane.dtype.to_complex(), device=plane.device)
        )
        to = {rank: torch.view_as_real(waves[:, columns].contiguous()) for rank, columns in enumerate(self._columns)}
        own = self._columns[self.shards.rank]
        whole = torch.empty((self.division.size[0], own.stop - own.start), dtype=waves.dtype, device=plane.device)
        by = {rank: torch.view_as_real(whole[band.start : band.stop]) for rank, band in enumerate(self.division.bands)}
        self.shards.exchange(to, by)
        return torch.fft.fft(whole, dim=0) if whole.numel() else whole

    def _back(self, waves: Tensor) -> Tensor:
        """The inverse of `_there`."""
        whole = torch.fft.ifft(waves, dim=0).contiguous() if waves.numel() else waves
        to = {rank: torch.view_as_real(whole[band.start : band.stop]) for rank, band in enumerate(self.division.bands)}
        height, width = rows(self.division.bands[self.shards.rank]), self.division.size[1]
        pieces = [
            torch.empty((height, columns.stop - columns.start), dtype=waves.dtype, device=waves.device)
            for columns in self._columns
        ]
        self.shards.exchange(to, {rank: torch.view_as_real(piece) for rank, piece in enumerate(pieces)})
        if height == 0:
            return waves.real.new_empty((0, width))
        filtered: Tensor = torch.fft.irfft(torch.cat(pieces, 1), n=width)
        return filtered
