"""What a run's objective sees of its inputs at a size: photograph, styles and masks, recoloured, with the margin around them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.images import Picture
from impasto.objective import Masked, Style
from impasto.run.colors import Colors
from impasto.run.inputs import Inputs
from impasto.run.levels import check_inputs, style_size
from impasto.run.mask_effects import check_masks
from impasto.run.masks import of_style, of_styles, protected
from impasto.run.start import start_image
from impasto.run.style_file import StyleFile
from impasto.run.styles import check_style_files
from impasto.settings import Settings, check_counts
from impasto.vgg import Vgg

Size = tuple[int, int]
"""(height, width) of a level's picture, without its margin."""


class Seen:
    """The pictures of one run; tensors are [1, 3, h, w], sRGB-encoded, 0..1, on the network's device."""

    def __init__(self, settings: Settings, inputs: Inputs, vgg: Vgg, *, min_side_px: int) -> None:
        """Check that they go together; raise ImageTooSmall or InvalidSettings.  `min_side_px`: what the deepest layer needs."""
        self._settings = settings
        self._inputs = inputs
        self._vgg = vgg
        self._min_side_px = min_side_px
        self._colors = Colors(settings, inputs)
        check_counts(settings, len(inputs.styles))
        pictures = [style for style in inputs.styles if isinstance(style, Picture)]
        check_inputs(inputs.content, pictures, min_side_px=min_side_px)
        check_style_files(settings, inputs, vgg)
        check_masks(settings, inputs)

    def canvas(self, picture: Tensor) -> Tensor:
        """A picture with its mirrored margin around it; one too small to be mirrored repeats its border."""
        m = self._settings.canvas_margin
        return F.pad(picture, (m, m, m, m), mode="reflect" if m < min(picture.shape[2:]) else "replicate")

    def cut(self, canvas: Tensor) -> Tensor:
        """The picture inside the margin."""
        m = self._settings.canvas_margin
        return canvas[:, :, m : canvas.shape[2] - m, m : canvas.shape[3] - m]

    def content(self, size: Size) -> Tensor:
        """The photograph, with its margin."""
        return self.canvas(self._colors.content(self._inputs.content.at(size))).to(self._vgg.device)

    def styles(self, size: Size) -> Iterator[Style]:
        """Each style, at its own size."""
        for at, style in enumerate(self._inputs.styles):
            scale = self._settings.scale_of_style(at)
            if isinstance(style, StyleFile):
                yield style.at(min(max(1, round(scale * max(size))), max(style.size)))
                continue
            own = style_size(self._settings, style.size, size, scale=scale, min_side_px=self._min_side_px)
            rgb, mask = self._colors.style(at, style.at(own)).to(self._vgg.device), of_style(self._inputs, at, own)
            yield rgb if mask is None else Masked(rgb, mask.to(self._vgg.device))

    def masks(self, size: Size) -> list[Tensor | None]:
        """Where each style paints, with the margin, [h, w]; empty where there are no masks."""
        if not self._inputs.masks:
            return []
        found = of_styles(self._inputs, size)
        on_canvas = {id(mask): self.canvas(mask[None, None])[0, 0].to(self._vgg.device) for mask in found if mask is not None}
        return [None if mask is None else on_canvas[id(mask)] for mask in found]

    def start(self, size: Size, content: Tensor) -> Tensor:
        """The start image, with its margin; `content`: as `content` gives it."""
        given = self._inputs.start
        start = start_image(
            self._settings.init,
            content=self.cut(content),
            styles=(style.rgb if isinstance(style, Masked) else style for style in self._pictures(size)),
            given=None if given is None else self._colors.content(given.at(size)).to(self._vgg.device),
            mean_rgb=self._vgg.mean_rgb,
            noise_ratio=self._settings.noise_ratio,
            generator=torch.Generator().manual_seed(self._settings.seed),
        )
        return self.canvas(start)

    def finished(self, rgb: Tensor) -> Tensor:
        """A picture of the run [3, H, W], 0..1, of any size, as it is shown and saved."""
        return protected(self._colors.finished(rgb), self._inputs)

    def _pictures(self, size: Size) -> Iterator[Tensor | Masked]:
        """Of the styles that are pictures."""
        return (style for style in self.styles(size) if isinstance(style, Tensor | Masked))
