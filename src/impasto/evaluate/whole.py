"""The whole picture at once: one pass forward, one back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.evaluate.evaluation import Evaluation
from impasto.objective import Objective
from impasto.vgg import Vgg


@dataclass(frozen=True)
class Whole:
    """Evaluates an objective on the whole picture."""

    vgg: Vgg
    objective: Objective

    def __call__(self, rgb: Tensor) -> Evaluation:
        """J, its parts and its gradient at rgb [1, 3, H, W], sRGB-encoded, 0..1."""
        rgb = rgb.detach().requires_grad_()
        # Gradients also for a caller who switched them off; and float32 is float32: no TF32, no choice of algorithm by the clock.
        with torch.enable_grad(), torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False):
            features = self.vgg.features(rgb, self.objective.layers)
            total, parts = self.objective.score(self.objective.measure(rgb, features))
            total.backward()  # type: ignore[no-untyped-call]
        if rgb.grad is None:  # pragma: no cover - every term depends on the pixels
            raise RuntimeError("no term of the objective depends on the picture")
        return Evaluation(total.item(), {name: value.item() for name, value in parts.items()}, rgb.grad)
