"""Named settings: some for kinds of pictures, chosen by looking; and published configurations, reproduced, with their sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from impasto.errors import InvalidSettings, UnknownName
from impasto.settings import DEFAULT_STRENGTH, FIVE_STYLE_LAYERS, Frozen, Settings, parse

_CHANNELS = {"conv1_1": 64, "conv2_1": 128, "conv3_1": 256, "conv4_1": 512, "conv5_1": 512}

_COURSE: dict[str, Any] = {
    "size": (400, 300),
    "normalize": "none",
    "variation_weight": 0.0,
    "pooling": "average",
    "margin": 0,
    "init": "blend",
    "noise_ratio": 0.6,
    "content_layers": {"conv4_2": 1.0},
    "style_layers": dict.fromkeys(FIVE_STYLE_LAYERS, 0.2),
    "content_weight": 10.0,
    "style_weight": 40.0,
    "optimizer": "adam",
    "learning_rate": 2.0 / 255.0,
    "iterations": 200,
    "levels": 1,
    "bounds": "free",
    "style_fit": "stretch",
    "save_every": 20,
}


@dataclass(frozen=True)
class Preset:
    """A named configuration: what it is, where it was published, and the values that differ from the defaults."""

    name: str
    title: str
    source: str
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        frozen = {name: Frozen(value) if isinstance(value, dict) else value for name, value in self.values.items()}
        object.__setattr__(self, "values", Frozen(frozen))

    def settings(self, **overrides: Any) -> Settings:
        """Its settings, with some values replaced.  Raises InvalidSettings for a strength that nothing would depend on."""
        given = {**self.values, **overrides}
        fixed = all(given.get(name) is not None for name in ("content_weight", "style_weight"))
        if fixed and overrides.get("strength", DEFAULT_STRENGTH) != DEFAULT_STRENGTH:
            where = "the settings give" if "content_weight" in overrides else f"the preset {self.name} gives"
            raise InvalidSettings(
                f"strength has no effect where {where} both content_weight and style_weight; change those instead",
                setting="strength",
            )
        return parse({"preset": self.name, **self.values, **overrides})


_PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "impasto",
            "what looks best: coarse to fine, L-BFGS, terms normalised by their targets",
            "this project, docs/objective.md",
            {},
        ),
        Preset(
            "portrait",
            "for faces: finer and gentler strokes, and one more content layer, so that who it is stays to be seen",
            "this project, docs/presets.md",
            {"strength": 0.45, "style_scale": (0.6,), "content_layers": {"conv4_2": 0.7, "conv3_2": 0.3}},
        ),
        Preset(
            "landscape",
            "for wide views: larger strokes, and more of the deep layers, so that skies and fields take the painting's shapes",
            "this project, docs/presets.md",
            {
                "style_scale": (1.4,),
                "style_layers": dict(zip(FIVE_STYLE_LAYERS, (0.25, 0.25, 0.25, 0.2, 0.05), strict=True)),
            },
        ),
        Preset(
            "faithful-colour",
            "the photograph's own colours; only its lightness is painted",
            "this project, docs/presets.md; its colours after Gatys et al. 2016 (arXiv 1606.05897)",
            {"strength": 0.55, "color": "luminance"},
        ),
        Preset(
            "bold",
            "the painting first: the photograph gives its large shapes",
            "this project, docs/presets.md",
            {"strength": 0.7},
        ),
        Preset(
            "gatys2015",
            "the first paper: average pooling, conv4_2, five layers at 1/5, α/β = 1e-3, noise start, L-BFGS",
            "Gatys, Ecker, Bethge: A Neural Algorithm of Artistic Style, 2015 (arXiv 1508.06576), eq. 1 to 7 and figure 2",
            {
                "normalize": "none",
                "content_reduction": "sum",
                "content_weight": 1e-3,
                "style_weight": 1.0,
                "variation_weight": 0.0,
                "content_layers": {"conv4_2": 1.0},
                "style_layers": dict.fromkeys(FIVE_STYLE_LAYERS, 0.2),
                "pooling": "average",
                "margin": 0,
                "init": "noise",
                "optimizer": "lbfgs",
                "lbfgs_history": 100,
                "lbfgs_metric": 0.0,
                "iterations": 500,
                "levels": 1,
            },
        ),
        Preset(
            "coursera",
            "400×300, blend start, α = 10, β = 40, Adam at 2.0 of 255, 200 iterations, a picture every 20",
            "deeplearning.ai: Convolutional Neural Networks, week 4, programming assignment "
            "'Deep Learning & Art: Neural Style Transfer' (the exercise on imagenet-vgg-verydeep-19.mat)",
            _COURSE,
        ),
        Preset(
            "average-of-five",
            "400×300 from random pixels, the five style layers averaged, Adam, a picture every 100 iterations",
            "the plainest form of Gatys, Ecker, Bethge 2015 as it is set in courses: the style cost is the mean of "
            "five layers; α, β, iterations, layers and learning rate are the reader's to choose",
            {**_COURSE, "init": "noise", "iterations": 1000, "save_every": 100},
        ),
        Preset(
            "eight-layers",
            "the course's configuration with eight style layers at 0.125 each",
            "a common extension of the deeplearning.ai assignment's STYLE_LAYERS to conv3_4, conv5_2 and conv5_4",
            {
                **_COURSE,
                "style_layers": dict.fromkeys(
                    ("conv1_1", "conv2_1", "conv3_1", "conv3_4", "conv4_1", "conv5_1", "conv5_2", "conv5_4"),
                    0.125,
                ),
            },
        ),
        Preset(
            "neural-style",
            "content 5·MSE, style 100·MSE of Gram/(C·H·W), variation 1e-3·Σ|∂x|, max pooling, L-BFGS, 1,000 iterations",
            "J. Johnson: neural-style (github.com/jcjohnson/neural-style) as set in neural-style-pt "
            "(github.com/ProGamerGov/neural-style-pt), its defaults with -init image",
            {
                "normalize": "none",
                # MSE is Σ(a_C − a_G)²/(C·H·W): four times the content formula here, so 5 becomes 20.
                "content_weight": 20.0,
                "style_weight": 100.0,
                # MSE of Gram/(C·H·W) over C² entries is Σ(ΔG)²/C⁴: λ = 4/C² times the formula Σ(ΔG)²/(4·C²).
                "style_layers": {layer: 4.0 / _CHANNELS[layer] ** 2 for layer in FIVE_STYLE_LAYERS},
                "content_layers": {"conv4_2": 1.0},
                "variation_weight": 1e-3,
                "variation_reduction": "sum",
                "pooling": "max",
                "margin": 0,
                "init": "content",
                "optimizer": "lbfgs",
                "lbfgs_history": 100,
                "lbfgs_metric": 0.0,
                "iterations": 1000,
                "levels": 1,
                "bounds": "free",
            },
        ),
    )
}

PRESETS: Mapping[str, Preset] = MappingProxyType(_PRESETS)
"""All presets by name, in the order in which they are listed."""


def get(name: str) -> Preset:
    """The preset of that name; raises UnknownName with the nearest ones."""
    if name not in PRESETS:
        raise UnknownName("preset", name, PRESETS)
    return PRESETS[name]


def resolve(*layers: Mapping[str, Any]) -> Settings:
    """Settings from the defaults, the preset that the later layers name, and the layers themselves, later ones winning."""
    values: dict[str, Any] = {}
    for layer in layers:
        values.update(layer)
    name = values.pop("preset", "impasto")
    return get(str(name)).settings(**values)
