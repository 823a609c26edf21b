"""How a picture goes through the network to be measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from torch import Tensor

from impasto.losses import Statistic
from impasto.vgg import Vgg

See = Callable[[str, slice, slice, Tensor], None]
"""Gets a layer, rows and columns of it, and their features [1, C, rows, columns], which are its own only until it returns."""


class Survey(Protocol):
    """How a picture goes through the network to be measured: whole, in tiles, or shared by several processes."""

    @property
    def name(self) -> str:
        """What sums depend on in their last bit."""

    def show(self, vgg: Vgg, rgb: Tensor, layers: Sequence[str], see: See) -> None:
        """Shows every cell of the layers once; of several processes each shows its share.  rgb: [1, 3, H, W]."""

    def merge(self, statistics: Sequence[Statistic]) -> list[Statistic]:
        """With those of the other processes."""


class WholeSurvey:
    """The whole picture at once."""

    name: Final = "whole"

    def show(self, vgg: Vgg, rgb: Tensor, layers: Sequence[str], see: See) -> None:
        """What Survey says."""
        vgg.show(rgb, layers, lambda layer, rows, features: see(layer, rows, slice(0, features.shape[3]), features))

    def merge(self, statistics: Sequence[Statistic]) -> list[Statistic]:
        """Itself."""
        return list(statistics)


WHOLE: Final = WholeSurvey()


def wide(statistic: Statistic) -> Statistic:
    """In float64, where the device has it: sums of many pieces lose nothing then."""
    total = statistic.total
    return Statistic(total if total.device.type == "mps" else total.double(), statistic.count)
