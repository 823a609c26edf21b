"""The whole picture at once: one pass forward, one back."""

from __future__ import annotations

from collections.abc import Mapping
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
        # Gradients also for a caller who switched them off.
        with torch.enable_grad(), self.vgg.exactly():
            features = self.vgg.features(rgb, self.objective.layers)
            if self.vgg.dtype == torch.float16:
                total, parts = self._scaled(rgb, features)
            else:
                total, parts = self.objective.score(self.objective.measure(rgb, features))
                total.backward()  # type: ignore[no-untyped-call]
        if rgb.grad is None:  # pragma: no cover - every term depends on the pixels
            raise RuntimeError("no term of the objective depends on the picture")
        return Evaluation(total.item(), {name: value.item() for name, value in parts.items()}, rgb.grad)

    def _scaled(self, rgb: Tensor, features: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """J and its parts; the gradient goes back through a float16 network with its largest entry at 1, else it would vanish."""
        leaves = {layer: value.detach().requires_grad_() for layer, value in features.items()}
        total, parts = self.objective.score(self.objective.measure(rgb, leaves))
        total.backward()  # type: ignore[no-untyped-call]
        gradients = {layer: leaf.grad for layer, leaf in leaves.items() if leaf.grad is not None}
        if gradients:
            largest = torch.stack([gradient.abs().max() for gradient in gradients.values()]).max()
            largest = largest.clamp_min(torch.finfo(torch.float32).tiny)
            (network,) = torch.autograd.grad(
                [features[layer] for layer in gradients], rgb, [gradient / largest for gradient in gradients.values()]
            )
            rgb.grad = network * largest if rgb.grad is None else rgb.grad + network * largest
        return total, parts
