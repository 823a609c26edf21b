"""`stylize(content, style, **settings)`: the main job as one Python call."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto import presets
from impasto.run import device
from impasto.run.engine import Run
from impasto.run.inputs import Inputs
from impasto.run.result import Result, result_of
from impasto.run.step import Step
from impasto.run.styles import assembled
from impasto.settings import Settings
from impasto.torch_modes import own_torch_modes
from impasto.vgg import Vgg
from impasto.vgg.precision import network
from impasto.vgg.weights import load

if TYPE_CHECKING:
    from impasto.run.together import Together


@own_torch_modes()
def network_for(settings: Settings, precision: str | None = None) -> Vgg:
    """Return the network that the settings name, on their device, in their precision or the one given."""
    return network(
        load(settings.network),
        settings.precision if precision is None else precision,
        pooling=settings.pooling,
        device=device.resolve(settings.device),
    )


@own_torch_modes()
def prepare(settings: Settings, inputs: Inputs, precision: str | None = None, *, together: Together | None = None) -> Run:
    """Return a run at its first step, in the precision of the settings or the one given; of several processes the first one's."""
    run = Run(settings, inputs, network_for(settings, precision), together=together)
    run.budget.check()
    if together is not None:
        from impasto.run.serve import hand_out

        hand_out(together, run)
    return run


@own_torch_modes()
def _prepared(
    content: Any, styles: Sequence[Any], settings: Settings, masks: Sequence[Any], style_masks: Sequence[Any], color_mask: Any
) -> Run:
    """Return the run of what `stylize` is given."""
    given = (_source(content), _sources(styles))
    inputs, settings = assembled(*given, settings, _sources(masks), _sources(style_masks), _source(color_mask))
    return prepare(settings, inputs)


def _source(given: Any) -> Any:
    """Return an object that only says its path as a Path; everything else as it is."""
    return Path(os.fsdecode(given)) if isinstance(given, os.PathLike) and not isinstance(given, Path) else given


def _sources(given: Sequence[Any] | None) -> list[Any]:
    return [] if given is None else [_source(one) for one in given]


def stylize(
    content: Any,
    style: Any,
    *,
    masks: Sequence[Any] = (),
    style_masks: Sequence[Any] = (),
    color_mask: Any = None,
    on_step: Callable[[Step], object] | None = None,
    **settings: Any,
) -> Result:
    """Make a picture with the content of one picture in the style of another, or of several, blended.

    The same call makes the same picture, to the bit, whatever modes and defaults the caller has set in PyTorch and NumPy, and
    from any thread.  It leaves them as they were.

    Args:
        content: The photograph: whatever `impasto.images.read` takes (a path, a file's bytes, a PIL image, an array, a tensor).
        style: The painting, likewise; or a list of paintings, blended.  A path may be a folder, whose pictures are one style, and
            a string may end in a weight behind a colon, as "b.jpg:0.3".
        masks: For each style where it paints: a picture of any size that is white there (its alpha, if it has any), or None for
            everywhere.
        style_masks: For each style what of it counts, likewise; without one its own alpha says so.
        color_mask: Where `color="content"` lays the photograph's colours over the picture.
        on_step: Called after each evaluation with a Step, in the caller's own modes; raise from it to stop early.
        settings: The fields of `impasto.Settings`, or `preset="coursera"` and such with changes.

    Raises:
        InputError: for what cannot be used.
        RunError: when the optimisation fails, or in a process forked from one that had computed with several threads.
    """
    styles: Sequence[Any] = style if isinstance(style, list | tuple) else [style]
    run = _prepared(content, styles, presets.resolve(settings), masks, style_masks, color_mask)
    for step in run:
        if on_step is not None:
            on_step(step)
        del step
    return result_of(run)
