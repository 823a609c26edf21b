"""Content: J = Σ (a_C − a_G)² / (4·H·W·C), or the paper's ½·Σ (a_C − a_G)² (Gatys, Ecker, Bethge 2015, eq. 1).

The first form, of the deeplearning.ai course, means the same at every size, so it is the default; the second is a preset's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from torch import Tensor

from impasto.losses.pieces import Pieces
from impasto.losses.statistic import Statistic
from impasto.torch_modes import exact_arithmetic

_ALL: Final = slice(None)


@exact_arithmetic()
def content_loss(generated: Tensor, content: Tensor) -> Tensor:
    """J_content of features [B, C, H, W] and [B or 1, C, H, W] → scalar, averaged over the batch.

    Raises ValueError when channels or positions differ.
    """
    if generated.shape[1:] != content.shape[1:]:
        raise ValueError(
            f"content is compared position by position: expected features {list(generated.shape)}, got {list(content.shape)}"
        )
    positions_and_channels = generated[0].numel()
    return (generated - content).square().sum((1, 2, 3)).mean() / (4 * positions_and_channels)


@dataclass(frozen=True)
class ContentTerm:
    """Content at one layer against the photograph's features [1, C, H, W]; in pieces, only its parts can be measured."""

    layer: str
    target: Tensor | Pieces
    reduction: Literal["mean", "sum"] = "mean"

    def measure(self, features: Tensor, weight: Tensor | None = None) -> Statistic:
        """(Σ w (f − t)², number of positions) of features [1, C, H, W], the target's shape; raises ValueError for another."""
        if features.shape != self.target.shape:
            expected, came = list(self.target.shape), list(features.shape)
            raise ValueError(f"content is compared position by position: expected features {expected}, got {came}")
        squares = (features - self._target()).square_()
        if weight is not None:
            squares = squares * weight
        return Statistic(squares.sum(), features.shape[2] * features.shape[3])

    def score(self, total: Statistic) -> Tensor:
        """Σ/(4·n·C), or ½·Σ; raises ValueError unless all of the target's positions were measured, each once."""
        positions = self.target.shape[2] * self.target.shape[3]
        if total.count != positions:
            raise ValueError(f"content is compared position by position: expected {positions} of them, got {total.count:g}")
        if self.reduction == "sum":
            return total.total / 2
        return total.mean() / (4 * self.target.shape[1])

    def part(self, rows: slice, columns: slice) -> ContentTerm:
        """The term for some rows and columns."""
        return replace(self, target=self.target[:, :, rows, columns])

    def pull(self, features: Tensor, upstream: Tensor, into: Tensor | None) -> Tensor:
        """2·(f − t), times what comes from above."""
        if into is None:
            return (features - self._target()).mul_(2 * upstream)
        return into.addcmul_(features - self._target(), upstream, value=2)

    def _target(self) -> Tensor:
        return self.target if isinstance(self.target, Tensor) else self.target[_ALL, _ALL, _ALL, _ALL]
