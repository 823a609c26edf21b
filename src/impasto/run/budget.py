"""Which plan each level of a run takes: the fastest that fits into what is free, or into what the user allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch

from impasto.errors import InvalidSettings, RunError
from impasto.evaluate.memory import Demand, Plan
from impasto.run.free import available_bytes, base_bytes
from impasto.settings import Settings
from impasto.vgg import Vgg

_SPARE: Final = 0.05
"""The share of what is free, or allowed, that no plan uses: estimates are not exact, and others need memory too."""

_LOWER: Final = 0.8
"""The next plan, when memory ran out, takes at most this share of what the last one did, if one does."""


class Budget:
    """Plans for the canvases [(height, width)] of a run's levels."""

    def __init__(
        self,
        settings: Settings,
        vgg: Vgg,
        layers: tuple[str, ...],
        sizes: Sequence[tuple[int, int]],
        *,
        masks: int = 0,
        band: Callable[[tuple[int, int]], tuple[int, int]] | None = None,
    ) -> None:
        """Plan for settings and a network; `masks` is how many different ones say where styles paint.

        `band`: of several processes, the size (height, width) that this one computes of a canvas.  Each of them plans its own
        band, in memory and with all of the history, which has to be alike for all.
        """
        self._band = band
        self.settings = settings
        self._vgg = vgg
        self._demand = Demand(vgg, layers, settings, masks)
        self._layers = layers
        self._sizes = sizes
        self._plans: list[Plan] | None = None
        self._base: int | None = None

    @property
    def plans(self) -> Sequence[Plan]:
        """One for each level, chosen when first asked for.  Raises InvalidSettings where `--memory` allows none."""
        if self._plans is None:
            self._plans = [self.plan(size) for size in self._sizes]
        return self._plans

    def check(self) -> None:
        """Raises InvalidSettings where `--memory` allows no plan, before any work is done."""
        for size in reversed(self._sizes):
            self.plan(size)
        self._base = None  # better known when the network is warm

    @property
    def most_bytes(self) -> int:
        """What the process may have on the device."""
        allowed = self.settings.memory
        return available_bytes(self._vgg.device) if allowed is None else min(allowed, available_bytes(self._vgg.device))

    @property
    def base_bytes(self) -> int:
        """What the process had, and its network will have, whatever the plan; as it was when first asked for, before the run."""
        if self._base is None:
            self._base = base_bytes(self._vgg.device) + self._vgg.pending_bytes(self._layers)
        return self._base

    def peak_bytes(self, plans: Sequence[Plan]) -> float:
        """The most memory that the process will have, if its levels take these plans."""
        return self.base_bytes + max(plan.memory for plan in plans)

    def plan(self, size: tuple[int, int], *, limited: bool = True) -> Plan:
        """For a canvas of a size (height, width): what is least, where nothing fits into the free memory.

        Raises InvalidSettings where `--memory` allows none, unless not `limited`.
        """
        all_plans = self._all(size)
        allowed = self.settings.memory if limited else None
        total = self.most_bytes if limited else available_bytes(self._vgg.device)
        most = (1 - _SPARE) * total - self.base_bytes
        fits = next((plan for plan in all_plans if plan.memory <= most), None)
        if fits is not None:
            return fits
        least = min(all_plans, key=lambda plan: plan.memory)
        need = (least.memory + self.base_bytes) / (1 - _SPARE)
        if allowed is not None and allowed < need:
            share = "" if self._band is None else "each process's part of "
            or_a_sum = ", or losses that are sums, which go in tiles (docs/losses.md)" if self.settings.compares_whole else ""
            raise InvalidSettings(
                f"memory: {share}{size[1]}x{size[0]} needs at least {need / 1e9:.2f} GB, and {allowed / 1e9:.2f} GB are "
                f"allowed; allow more, or choose a smaller --size{or_a_sum}",
                setting="memory",
            )
        return least

    def lower(self, level: int) -> str:
        """Puts a level on its next plan, and says so in words.  Raises RunError when there is none."""
        now = self.plans[level]
        less = [plan for plan in self._demand.plans(now.size) if plan.memory < now.memory]
        if less:
            least = min(less, key=lambda plan: plan.memory)
            self._set(level, next((plan for plan in less if plan.memory <= _LOWER * now.memory), least))
            return f"memory ran out; the run goes on from its last good step in {self.plans[level].words}"
        raise RunError("memory ran out, and no plan needs less; close other programs, or choose a smaller --size")

    def saved(self, level: int) -> dict[str, Any]:
        """What `adopt` needs."""
        plan = self.plans[level]
        return {"tile_px": plan.tile_px, "kept_from": plan.kept_from, "history": plan.history, "on_disk": plan.on_disk}

    def adopt(self, level: int, saved: Mapping[str, Any]) -> None:
        """Takes the plan of an earlier process for a level, so that its numbers are the same, if it fits here."""
        now = self.plans[level]
        for plan in self._demand.plans(now.size) if self._band is None else ():
            if all(getattr(plan, name) == value for name, value in saved.items()):
                if plan.memory <= max(now.memory, self.most_bytes - self.base_bytes):
                    self._set(level, plan)
                return

    def _all(self, size: tuple[int, int]) -> list[Plan]:
        if self._band is None:
            return self._demand.plans(size)
        return self._demand.plans(self._band(size), disk=False, shorter=False)

    def _set(self, level: int, plan: Plan) -> None:
        plans = list(self.plans)
        plans[level] = plan
        self._plans = plans


def release(device: torch.device) -> None:
    """Memory that nothing holds goes back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
