"""The genuine network, from several threads of one program at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from tests.samples import painting, photo

import impasto

THREADS = 4


def made() -> tuple[torch.Tensor, Any]:
    result = impasto.stylize(photo(60, 80), painting(50, 60), size=64, iterations=1)
    return result.rgb, result.manifest["precision"]


def test_the_same_call_from_four_threads_at_once_makes_the_same_picture() -> None:
    expected, precision = made()
    together = threading.Barrier(THREADS)

    def work(_: int) -> tuple[torch.Tensor, Any]:
        torch.set_num_threads(torch_threads)
        together.wait(60)
        return made()

    torch_threads = torch.get_num_threads()
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(work, range(THREADS)))
    assert all(torch.equal(picture, expected) and chosen == precision for picture, chosen in found)
