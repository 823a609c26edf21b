"""The whole picture at once: one pass forward, one back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from impasto.evaluate.account import Account
from impasto.evaluate.evaluation import Evaluation, evaluation
from impasto.evaluate.passage import Passage
from impasto.objective import Objective
from impasto.vgg import Vgg

_ALL: Final = slice(None)


@dataclass(frozen=True)
class Whole:
    """Evaluates an objective on the whole picture."""

    vgg: Vgg
    objective: Objective

    def __call__(self, rgb: Tensor) -> Evaluation:
        """J, its parts and its gradient at rgb [1, 3, H, W], sRGB-encoded, 0..1."""
        rgb = rgb.detach()
        account = Account(self.objective)
        with torch.no_grad(), self.vgg.exactly():
            account.see_pixels(rgb)
            path = self.vgg.path(self.objective.layers)
            passage = Passage(self.vgg, path, rgb, lambda layer, rows, features: account.see(layer, rows, _ALL, features))
            total, parts = account.settle()
            gradient = passage.back(lambda layer, rows, features, into: account.pull(layer, rows, _ALL, features, into))
            return evaluation(total, parts, account.pull_pixels(rgb, gradient))
