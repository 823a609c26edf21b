"""Pictures in rows and columns with words beside them, for choosing by eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

_GAP_PX: Final = 6
_TEXT_PX: Final = 14
_PAPER: Final = (255, 255, 255)
_INK: Final = (30, 30, 30)
_MISSING: Final = (225, 225, 225)


def contact_sheet(
    pictures: Sequence[Sequence[Tensor | None]], *, rows: Sequence[str], columns: Sequence[str], size: tuple[int, int]
) -> Tensor:
    """Return one picture [3, H, W], 0..1, of pictures [3, height, width], sRGB-encoded, 0..1; a grey field where there is None.

    `rows`, `columns`: the words beside them; `size`: height and width of a field, to which larger pictures are cut.
    """
    font = ImageFont.load_default(_TEXT_PX)
    height, width = size
    left = max((round(font.getlength(name)) for name in rows), default=0) + 2 * _GAP_PX
    top = _TEXT_PX + 2 * _GAP_PX
    sheet = Image.new("RGB", (left + len(columns) * (width + _GAP_PX), top + len(rows) * (height + _GAP_PX)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for at, name in enumerate(columns):
        draw.text((left + at * (width + _GAP_PX), _GAP_PX), name, fill=_INK, font=font)
    for down, (name, row) in enumerate(zip(rows, pictures, strict=True)):
        y = top + down * (height + _GAP_PX)
        draw.text((_GAP_PX, y), name, fill=_INK, font=font)
        for across, picture in enumerate(row):
            x = left + across * (width + _GAP_PX)
            if picture is None:
                draw.rectangle((x, y, x + width - 1, y + height - 1), fill=_MISSING)
            else:
                shown = (picture[:, :height, :width].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
                sheet.paste(Image.fromarray(shown.cpu().numpy()), (x, y))
    return torch.from_numpy(np.asarray(sheet).copy()).permute(2, 0, 1).float() / 255
