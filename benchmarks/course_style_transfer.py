"""Style transfer as the exercise of a course is solved in PyTorch: nothing clever, everything by the formulas.

    python -m benchmarks.course_style_transfer CONTENT STYLE OUT [--iterations 200]

The formulas are those of deeplearning.ai's "Neural Style Transfer", after Gatys, Ecker and Bethge 2015:
J = α·J_content + β·J_style with α = 10, β = 40; J_content = Σ(a_C − a_G)² / (4·H·W·C) at conv4_2; J_style the mean over five
layers of Σ(G_S − G_G)² / (4·C²·(H·W)²); average pooling; pixels in 0..255 less the mean colour; a start of 0.6 noise in ±20 and
0.4 photograph; Adam with a learning rate of 2.  Both pictures must have one size, 400×300 in the exercise.  Prints J at each
iteration.

The network and its numbers are built in plain_network.py; its parameters are frozen, all else is left to autograd.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.plain_network import activations, build
from impasto.vgg import weights

MEANS = torch.tensor([123.68, 116.779, 103.939]).reshape(1, 3, 1, 1)
CONTENT_LAYER = "relu4_2"
STYLE_LAYERS = [("relu1_1", 0.2), ("relu2_1", 0.2), ("relu3_1", 0.2), ("relu4_1", 0.2), ("relu5_1", 0.2)]
LAYERS = [CONTENT_LAYER, *(name for name, _ in STYLE_LAYERS)]
ALPHA, BETA = 10, 40
NOISE_RATIO = 0.6


def load_network() -> nn.Sequential:
    """VGG-19 to its deepest style layer, with average pooling."""
    return build(weights.load("vgg19"), deepest="conv5_1", pooling="average", channels="RGB")


def load_image(path: Path) -> Tensor:
    """[1, 3, H, W], 0..255 less the mean colour."""
    with Image.open(path) as image:
        array = np.array(image.convert("RGB"), dtype=np.float32)
    return torch.from_numpy(array).permute(2, 0, 1).unsqueeze(0) - MEANS


def save_image(path: Path, image: Tensor) -> None:
    """The mean colour added again, clipped to 0..255, written with 8 bits."""
    array = (image + MEANS).clamp(0, 255).round().to(torch.uint8)[0].permute(1, 2, 0).numpy()
    Image.fromarray(array).save(path)


def content_cost(a_C: Tensor, a_G: Tensor) -> Tensor:
    """J_content of activations [1, C, H, W]."""
    _, n_C, n_H, n_W = a_G.shape
    return torch.sum((a_C - a_G) ** 2) / (4 * n_H * n_W * n_C)


def gram_matrix(A: Tensor) -> Tensor:
    """[C, H·W] → [C, C]."""
    return torch.matmul(A, A.t())


def layer_style_cost(a_S: Tensor, a_G: Tensor) -> Tensor:
    """J_style at one layer, of activations [1, C, H, W] of the same size."""
    _, n_C, n_H, n_W = a_G.shape
    GS = gram_matrix(a_S.reshape(n_C, n_H * n_W))
    GG = gram_matrix(a_G.reshape(n_C, n_H * n_W))
    return torch.sum((GS - GG) ** 2) / (4 * n_C**2 * (n_H * n_W) ** 2)


def total_cost(a_C: dict[str, Tensor], a_S: dict[str, Tensor], a_G: dict[str, Tensor]) -> Tensor:
    """J from the activations of content, style and picture."""
    style_cost = torch.zeros(())
    for name, weight in STYLE_LAYERS:
        style_cost = style_cost + weight * layer_style_cost(a_S[name], a_G[name])
    return ALPHA * content_cost(a_C[CONTENT_LAYER], a_G[CONTENT_LAYER]) + BETA * style_cost


def noisy_start(content: Tensor, seed: int) -> Tensor:
    """0.6 noise in ±20 and 0.4 photograph; content: [1, 3, H, W], 0..255 less the mean colour."""
    uniform = torch.rand(content.shape, generator=torch.Generator().manual_seed(seed))
    return NOISE_RATIO * (40 * uniform - 20) + (1 - NOISE_RATIO) * content


def main() -> None:
    """Reads the pictures, optimises, saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    network = load_network()
    content, style = load_image(given.content), load_image(given.style)
    with torch.no_grad():
        a_C = activations(network, content, [CONTENT_LAYER])
        a_S = activations(network, style, [name for name, _ in STYLE_LAYERS])
    picture = noisy_start(content, given.seed).requires_grad_()
    optimizer = torch.optim.Adam([picture], lr=2.0)
    for iteration in range(given.iterations):
        optimizer.zero_grad()
        J = total_cost(a_C, a_S, activations(network, picture, LAYERS))
        J.backward()  # type: ignore[no-untyped-call]
        print(f"Iteration {iteration + 1}: J {J.item()!r}", flush=True)
        optimizer.step()
    save_image(given.out, picture.detach())


if __name__ == "__main__":
    main()
