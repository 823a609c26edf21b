"""`stylize(content, style, **settings)`: the main job as one Python call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from impasto import presets
from impasto.run import device
from impasto.run.engine import Run
from impasto.run.inputs import Inputs
from impasto.run.result import Result, result_of
from impasto.run.step import Step
from impasto.run.styles import assembled
from impasto.settings import Settings
from impasto.vgg import Vgg
from impasto.vgg.precision import network
from impasto.vgg.weights import load

if TYPE_CHECKING:
    from impasto.run.together import Together


def network_for(settings: Settings, precision: str | None = None) -> Vgg:
    """The network that the settings name, on their device, in their precision or the one given."""
    return network(
        load(settings.network),
        settings.precision if precision is None else precision,
        pooling=settings.pooling,
        device=device.resolve(settings.device),
    )


def prepare(settings: Settings, inputs: Inputs, precision: str | None = None, *, together: Together | None = None) -> Run:
    """A run at its first step, in the precision of the settings or the one given; of several processes the first one's."""
    run = Run(settings, inputs, network_for(settings, precision), together=together)
    run.budget.check()
    if together is not None:
        from impasto.run.serve import hand_out

        hand_out(together, run)
    return run


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
    """Makes a picture with the content of one picture in the style of another, or of several, blended.

    `content`, `style`: a path, the bytes of a picture file, a PIL image, a NumPy array [H, W], [H, W, 3 or 4] (uint8, uint16, or
    float 0..1), or a tensor [3, H, W], 0..1; `style` may be a list of these, and a path in it a folder, whose pictures
    are one style, or have a weight behind a colon.  `masks`: for each style where it paints, a picture
    of any size that is white there (its alpha, if it has any), or None for everywhere.  `style_masks`: likewise what of each
    style counts; without one its own alpha says so.  `color_mask`: where `color="content"` lays the photograph's colours over
    the picture.  `on_step` is called after each
    evaluation with a Step; to stop early, raise from it.  `settings` are the fields of `impasto.Settings`, or
    `preset="coursera"` and such with changes.

    Raises InputError for what cannot be used, RunError when the optimisation fails.
    """
    chosen = presets.resolve(settings)
    styles: Sequence[Any] = style if isinstance(style, list | tuple) else [style]
    inputs, chosen = assembled(content, styles, chosen, masks, style_masks, color_mask)
    run = prepare(chosen, inputs)
    for step in run:
        if on_step is not None:
            on_step(step)
        del step
    return result_of(run)
