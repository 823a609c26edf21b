"""Every option of one run, its default and its check: the one home of them all.

`Settings` is frozen and checks itself.  The command line, the settings file, presets, checkpoints and manifests all speak this
form.  Nothing here imports torch, so that `impasto --help` starts in a blink.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from impasto.errors import InvalidSettings, UnknownName
from impasto.files import expanded
from impasto.layers import DEPTHS, canonical_layer, layer_names
from impasto.storage.listing import on_disk
from impasto.storage.text import shown
from impasto.storage.user_text import STANDARD_INPUT, read_text, reason

DEFAULT_STRENGTH = 0.5
FIVE_STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


class Frozen(dict[str, Any]):
    """A mapping that cannot be changed, and is a dict to all that reads it: settings and presets hand out their own."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("settings cannot be changed; make others, with Settings(…) or model_copy(update={…})")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


def plain(value: Any) -> Any:
    """Return NumPy's numbers, and arrays and tensors of them, as Python's; everything else as it is.

    >>> plain([1, "a"])
    [1, 'a']
    """
    if isinstance(value, Mapping):
        return {plain(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value)) if type(value) in {list, tuple} else list(map(plain, value))
    to_list = getattr(value, "tolist", None)  # of NumPy's scalars and arrays and of tensors; nothing here may import them
    return to_list() if callable(to_list) and hasattr(value, "dtype") else value


def layer_weights(value: object) -> dict[str, float]:
    """Layers with weights, from `"conv4_2:0.5,conv5_1"`, a list of such strings, or a mapping; no weight means 1.

    `relu4_2` becomes `conv4_2`: both name the activation after the ReLU.  Raises ValueError on a malformed entry.
    """
    if isinstance(value, Mapping):
        pairs = [(str(name), weight) for name, weight in value.items()]
    else:
        if not isinstance(value, str | list | tuple):
            raise ValueError("write layers as conv4_2:0.5,conv5_1")
        parts = value.split(",") if isinstance(value, str) else value
        pairs = []
        for part in parts:
            name, _, weight = str(part).strip().partition(":")
            pairs.append((name.strip(), weight.strip() or 1.0))
    weights: dict[str, float] = {}
    for name, weight in pairs:
        canonical = canonical_layer(name)
        if not canonical:
            raise ValueError("a layer's name is missing; write layers as conv4_2:0.5,conv5_1")
        if canonical in weights:
            raise ValueError(f"layer {canonical} is named twice")
        try:
            weights[canonical] = float(weight)
        except (TypeError, ValueError):
            raise ValueError(f"the weight of {canonical} is {weight!r}, not a number") from None
    for name, number in weights.items():
        if number != 0 and not 1e-12 <= number <= 1e12:
            raise ValueError(f"the weight of {name} is {number}; it must be 0, or between 1e-12 and 1e12")
    if weights and not any(weights.values()):
        raise ValueError("all layer weights are 0; give at least one a weight above 0")
    return weights


def picture_size(value: object) -> object:
    """Return the size that is meant by `512` (long side), `640x480` or [640, 480] (width × height), or `original`, in px.

    Raises:
        ValueError: It is none of these, or a side is not from 1 to 100,000.
    """
    wrong = ValueError(f"{value!r} is no size; write 512 for the long side, 640x480, or original")
    size: object = value
    if isinstance(value, str):
        text = value.strip().lower()
        if text == "original":
            return text
        width, cross, height = text.replace("×", "x").partition("x")
        try:
            size = (int(width), int(height)) if cross else int(width)
        except ValueError:
            raise wrong from None
    given = tuple(size) if isinstance(size, list | tuple) else (size,)
    sides = tuple(int(side) if isinstance(side, float) and side.is_integer() else side for side in given)
    if len(sides) not in {1, 2} or not all(type(side) is int and 1 <= side <= 100_000 for side in sides):
        raise wrong
    return sides if len(sides) == 2 else sides[0]


_UNITS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def memory_size(value: object) -> object:
    """Return the bytes that are meant by `4GB`, `1.5 GiB`, `800MB` or a number; raise ValueError below 64 MB."""
    number: object = value
    if isinstance(value, str):
        found = re.fullmatch(r"([0-9.]+)\s*([kmgt]?i?)b?", value.strip().lower())
        try:
            number = round(float(found[1]) * _UNITS[found[2]]) if found else value
        except (KeyError, ValueError):
            number = value
    if number is not None and (type(number) is not int or number < 64e6):
        raise ValueError(f"{value!r} is no amount of memory; write 4GB, 1.5GiB or 800MB, at least 64MB")
    return number


def numbers(value: Any) -> tuple[float, ...]:
    """Return `1,0.3`, a number, or a list of them, each 1e-6 to 1e6, as a tuple."""
    found: Sequence[Any] = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    try:
        each = tuple(float(one) for one in found)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} are no numbers; write them as 1,0.3") from None
    if not each or not all(1e-6 <= one <= 1e6 for one in each):
        raise ValueError(f"{value!r}: each number must be between 1e-6 and 1e6")
    return each


def words(value: Any) -> Any:
    """`fine,coarse` as a tuple."""
    return tuple(word.strip() for word in value.split(",")) if isinstance(value, str) else value


def weight(value: object) -> object:
    """A term's weight: 0, or 1e-12 to 1e12, beyond which J and its gradient leave the range of float32."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value != 0 and not 1e-12 <= value <= 1e12:
        raise ValueError(f"a weight must be 0, or between 1e-12 and 1e12, not {value}")
    return value


LayerWeights = Annotated[dict[str, float], BeforeValidator(layer_weights), AfterValidator(Frozen)]
Weight = Annotated[float, BeforeValidator(weight), Field(ge=0, allow_inf_nan=False)]
PathText = Annotated[str, BeforeValidator(lambda value: os.fspath(value) if isinstance(value, os.PathLike) else value)]
PerStyle = Annotated[tuple[float, ...], BeforeValidator(numbers)]
Precision = Literal["auto", "float32", "bfloat16", "float16", "tf32"]
Strokes = Literal["all", "fine", "coarse"]
PerStroke = Annotated[tuple[Strokes, ...], BeforeValidator(words), Field(min_length=1)]
Side = Annotated[int, Field(ge=1, le=100_000)]


class Settings(BaseModel):
    """The description of one run; frozen.  Defaults are those of the `impasto` preset."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    preset: str = Field("impasto", description="the preset these settings started from")
    size: Annotated[Side | tuple[Side, Side] | Literal["original"], BeforeValidator(picture_size)] = Field(
        512, description="long side in px, WIDTHxHEIGHT, or original"
    )
    strength: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        DEFAULT_STRENGTH, description="0: the photograph, 1: only the style; sets α and β where they are not given"
    )
    content_weight: Weight | None = Field(None, description="α, the weight of the content term")
    style_weight: Weight | None = Field(None, description="β, the weight of the style term")
    variation_weight: Weight | None = Field(None, description="γ, the weight of the variation term")
    normalize: Literal["targets", "none"] = Field(
        "targets",
        description="divide each term by a scale taken from its targets, or use the formulas as they are",
    )
    content_reduction: Literal["mean", "sum"] = Field(
        "mean", description="content term: Σ(a_C − a_G)²/(4·H·W·C), or the paper's ½·Σ(a_C − a_G)²"
    )
    variation_reduction: Literal["mean", "sum"] = Field(
        "mean", description="variation term: mean of |∂x| on 0..1, or Σ|∂x| on 0..255"
    )
    content_layers: LayerWeights = Field({"conv4_2": 1.0}, description="content layers and their weights")
    style_layers: LayerWeights = Field(
        # Shallow layers more than deep ones: they keep strokes clean, and the deep ones need little to set the composition.
        dict(zip(FIVE_STYLE_LAYERS, (0.3, 0.3, 0.25, 0.12, 0.03), strict=True)),
        description="style layers and their weights λ",
    )
    style_loss: Literal["gram", "centered", "moments", "sliced", "histogram", "nearest", "ot"] = Field(
        "gram",
        description="style by Gram matrices, by covariances, by mean and covariance (Wasserstein-2), by distributions along "
        "directions or channels, by nearest neighbours, or by relaxed optimal transport",
    )
    content_loss: Literal["features", "selfsim", "laplacian"] = Field(
        "features", description="content by a layer's features, by how alike its positions are, or by the picture's edges"
    )
    network: PathText = Field("vgg19", description="a network's name, or a weights file")
    pooling: Literal["max", "average"] = Field("max", description="the network's pooling")
    margin: Annotated[int, Field(ge=0, le=64)] = Field(
        8, description="px that the picture is larger on each side while it is made, cut off at the end: its border stays clean"
    )
    init: PathText = Field("content", description="start image: content, noise, blend, style, or a file")
    noise_ratio: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        0.6, description="r of the blend start N·r + C·(1 − r)"
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="seed of the noise")
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="the optimiser")
    iterations: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None,
        description="iterations at the last level, and at each level before it; default: by the level's size",
    )
    levels: Annotated[int, Field(ge=1, le=12)] | None = Field(
        None, description="number of sizes, coarse to fine; default: down to about 128 px"
    )
    level_factor: Annotated[float, Field(ge=1.2, le=4, allow_inf_nan=False)] = Field(
        2.0, description="ratio of one level's size to the one before"
    )
    learning_rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = Field(
        0.02, description="Adam's step, where pixels span 0..1"
    )
    lbfgs_history: Annotated[int, Field(ge=1, le=1000)] = Field(10, description="correction pairs that L-BFGS keeps")
    lbfgs_metric: Annotated[float, Field(ge=0, le=2)] = Field(
        0.5, description="L-BFGS starts from the metric f^-P over the picture's frequencies f; 0 treats all alike"
    )
    bounds: Literal["project", "free"] = Field(
        "project", description="keep pixels in 0..1 at each step, or clip only the finished picture"
    )
    style_fit: Literal["keep", "stretch"] = Field(
        "keep", description="the style keeps its proportions, or is stretched to the picture's size"
    )
    style_weights: PerStyle | None = Field(
        None, description="weights of several styles, in their order, as 1,0.3; default: alike, or behind their names"
    )
    style_scale: PerStyle = Field(
        (1.0,),
        description="a style's long side in units of the picture's: below 1 strokes get finer; for all, or one a style as 1,0.5",
    )
    style_strokes: PerStroke = Field(
        ("all",),
        description="which strokes of a style count: all, fine (layers of the first two blocks) or coarse (the others); for all "
        "styles, or one a style as fine,coarse",
    )
    style_pull: PerStyle = Field(
        (1.0,), description="how hard styles pull, in units of what --strength says; for all, or one a style as 1,0.5"
    )
    guides: Literal["mean", "inside", "overlap"] = Field(
        "mean",
        description="at a mask's border a layer's position counts by its own cell, if all that it sees is inside, or if any is",
    )
    color: Literal["style", "content", "match", "luminance"] = Field(
        "style",
        description="colours of the style, of the content, of the style moved to the content's, or the content's with only its "
        "lightness painted",
    )
    color_amount: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        1.0, description="how much of --color: 0 is the style's colours"
    )
    tileable: bool = Field(
        default=False, description="the picture goes on at its opposite edges, so that it can be laid side by side"
    )
    save_every: Annotated[int, Field(ge=1)] | None = Field(None, description="write the intermediate picture every N iterations")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:N or mps")
    precision: Precision = Field("auto", description="number format inside the network; auto takes what the device computes fast")
    memory: Annotated[int | None, BeforeValidator(memory_size)] = Field(
        None, description="the most memory that the program may have, as 4GB; default: what is free"
    )
    bits: Literal[8, 16] = Field(8, description="bits a channel in the file: 16 for PNG and TIFF")
    quality: Annotated[int, Field(ge=1, le=100)] = Field(95, description="JPEG and WebP quality")
    dpi: Annotated[float, Field(ge=1, le=65535)] | None = Field(
        None, description="dots an inch written into the file; default: the photograph's, else 72"
    )
    max_pixels: Annotated[int, Field(ge=1)] = Field(268_435_456, description="refuse input pictures larger than this")

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, values: Any) -> Any:
        return plain(values)

    @field_validator("device")
    @classmethod
    def _device_exists(cls, value: str) -> str:
        kind, _, index = value.partition(":")
        if kind not in {"auto", "cpu", "cuda", "mps"} or (index and not (kind == "cuda" and index.isdigit())):
            raise UnknownName("device", value, ("auto", "cpu", "cuda", "cuda:0", "mps"))
        return value

    @model_validator(mode="after")
    def _layers_exist(self) -> Settings:
        # A weights file may be of any of the networks, until it is read: the deepest has the layers of all.
        network = self.network if self.network in DEPTHS else "vgg19"
        names = layer_names(DEPTHS[network])
        for setting in ("content_layers", "style_layers"):
            for layer in getattr(self, setting):
                if layer not in names:
                    kind = f"layer of {network}" if network == self.network else "layer of any network"
                    raise UnknownName(kind, layer, names, setting=setting)
        return self

    @model_validator(mode="after")
    def _there_is_something_to_do(self) -> Settings:
        alpha, beta, _ = self.term_weights()
        if not (alpha and self.content_layers) and not (beta and self.style_layers):
            raise ValueError("neither the content nor the style term has a layer and a weight above 0; give one of them both")
        return self

    @property
    def canvas_margin(self) -> int:
        """The margin in use: a tileable picture has no border."""
        return 0 if self.tileable else self.margin

    @property
    def compares_whole(self) -> bool:
        """Whether a loss is no sum over positions, so that only a whole picture has it (losses/whole.py)."""
        return self.style_loss in COMPARED or self.content_loss in COMPARED

    def scale_of_style(self, at: int) -> float:
        """The scale of a style by its position."""
        return self.style_scale[at if len(self.style_scale) > 1 else 0]

    def pull_of_style(self, at: int) -> float:
        """How hard a style pulls, by its position."""
        return self.style_pull[at if len(self.style_pull) > 1 else 0]

    def paints_layer(self, at: int, layer: str) -> bool:
        """Whether a style, by its position, counts at a layer."""
        strokes = self.style_strokes[at if len(self.style_strokes) > 1 else 0]
        fine = canonical_layer(layer)[4] in "12"
        return strokes == "all" or fine == (strokes == "fine")

    def term_weights(self) -> tuple[float, float, float]:
        """α, β and γ: as given, else from the strength s as α = 4·(1 − s)², β = 4·k·s² and γ = 4·v·s².

        The parabolas make the ends exact (s = 0: the photograph, s = 1: no content), and the ratio β/α = k·(s/(1 − s))² spans
        almost four decades over 0.1 to 0.9, with k in the middle.
        """
        s = self.strength
        alpha = 4 * (1 - s) ** 2 if self.content_weight is None else self.content_weight
        beta = 4 * STYLE_TO_CONTENT * s**2 if self.style_weight is None else self.style_weight
        gamma = 4 * VARIATION * s**2 if self.variation_weight is None else self.variation_weight
        return alpha, beta, gamma


COMPARED: Final = frozenset({"sliced", "histogram", "nearest", "ot", "selfsim"})
"""Losses that are no sums over positions."""

STYLE_TO_CONTENT = 35.0
"""k: β/α at strength 0.5, for normalised terms; chosen by looking at many pairs."""

VARIATION = 0.05
"""v: γ at strength 0.5, likewise: it takes the grain off smooth areas and leaves strokes alone."""


def parse(values: Mapping[str, Any]) -> Settings:
    """Settings from plain values; raises InvalidSettings with one line for the first thing that is wrong."""
    unknown = [name for name in values if name not in Settings.model_fields]
    if unknown:
        raise UnknownName("setting", unknown[0], Settings.model_fields)
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        reason = first["msg"].removeprefix("Value error, ")
        came = "" if name == "settings" or first["type"] == "value_error" else f", not {first['input']!r}"
        raise InvalidSettings(f"{name}: {reason[0].lower()}{reason[1:]}{came}", setting=name) from None


_PATHS: Final = ("style", "style_mask", "mask", "color_mask", "region", "network", "init")
_WORDS: Final = {
    "network": frozenset(DEPTHS),
    "init": frozenset({"content", "noise", "blend", "style"}),
    "style_mask": frozenset({"-"}),
}
"""Values of these settings that are no paths."""


def read_file(path: Path) -> dict[str, Any]:
    """Return the values of a TOML settings file; `-` is the standard input.

    Names may be written with - or _.  Relative paths in it are relative to the file's folder.

    Raises:
        InvalidSettings: It cannot be read, is no TOML, or has a setting in two spellings.
    """
    source = on_disk(expanded(path))
    try:
        found = tomllib.loads(read_text(source))
    except (OSError, ValueError) as error:
        raise InvalidSettings(
            f"the settings file {shown(path)} cannot be read: {reason(error)}; it must be a TOML file"
        ) from None
    except RecursionError:
        raise InvalidSettings(f"the settings file {shown(path)} is nested too deeply to be a TOML file of settings") from None
    values: dict[str, Any] = {}
    for name, value in found.items():
        plain = name.replace("-", "_")
        if plain in values:
            other = next(one for one in found if one.replace("-", "_") == plain)
            raise InvalidSettings(
                f"the settings file {shown(path)} has {other} and {name}, which are one setting; keep one of them", setting=plain
            )
        values[plain] = value
    # A pipe (`--settings <(…)`) lies in no folder of the user's.
    folder = source.parent if source != STANDARD_INPUT and source.is_file() else Path()
    return {name: _beside(folder, name, value) for name, value in values.items()}


def _beside(folder: Path, name: str, value: Any) -> Any:
    """Return a setting's value with its paths as seen from the folder."""
    if isinstance(value, list):
        return [_beside(folder, name, one) for one in value]
    if folder == Path() or name not in _PATHS or not isinstance(value, str) or value in _WORDS.get(name, ()):
        return value
    if name == "region" and "=" in value:
        mask, style = split_region(value, folder)
        return f"{_beside(folder, 'mask', mask)}={_beside(folder, 'style', style)}"
    return value if value == "" or expanded(value).is_absolute() else str(folder / value)


def split_region(region: str, folder: Path | None = None) -> tuple[str, str]:
    """Return the mask and the style of `MASK=STYLE`; where there are several `=`, the first one before which a file is named."""
    at = [place for place, letter in enumerate(region) if letter == "="]
    place = Path() if folder is None else folder
    named = [one for one in at if os.path.isfile(place / expanded(region[:one]))]  # noqa: PTH113 - Path.is_file may raise
    first = (named or at or [len(region)])[0]
    return region[:first], region[first + 1 :]


EACH_STYLE: Final = ("style_scale", "style_strokes", "style_pull")
"""Settings that have one value for all styles, or one a style."""


def check_counts(settings: Settings, count: int) -> None:
    """Raises InvalidSettings unless there is a weight a style, and a scale for all or one a style."""
    if settings.style_weights is not None and len(settings.style_weights) != count:
        raise InvalidSettings(
            f"style_weights: expected one weight for each of {count} styles, got {len(settings.style_weights)}",
            setting="style_weights",
        )
    for name in EACH_STYLE:
        given = len(getattr(settings, name))
        if given not in {1, count}:
            raise InvalidSettings(f"{name}: expected one for all, or one for each of {count} styles, got {given}", setting=name)
