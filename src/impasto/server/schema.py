"""The settings as clients may give them: the schema of settings.py, with the panels of the command line's help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from impasto import presets
from impasto.errors import InvalidSettings
from impasto.settings import Settings

HIDDEN: Final[Mapping[str, str]] = {
    "network": "it names a file of the server",
    "device": "the server's workers choose it",
    "memory": "the server's workers choose it",
    "max_pixels": "the server has a limit of its own",
    "save_every": "the preview shows the picture while it is made",
}
"""Settings that clients may not give, and why."""

STARTS: Final = ("content", "noise", "blend", "style")
"""What `init` may be; a picture to start from is given by its id, as `start`."""

PANELS: Final[Mapping[str, tuple[str, ...]]] = {
    "look": (
        "preset",
        "size",
        "strength",
        "style_weights",
        "style_scale",
        "style_strokes",
        "style_pull",
        "style_fit",
        "guides",
        "color",
        "color_amount",
        "tileable",
    ),
    "terms": (
        "content_weight",
        "style_weight",
        "variation_weight",
        "content_layers",
        "style_layers",
        "content_loss",
        "style_loss",
        "normalize",
        "content_reduction",
        "variation_reduction",
        "pooling",
    ),
    "search": (
        "margin",
        "iterations",
        "levels",
        "level_factor",
        "optimizer",
        "learning_rate",
        "lbfgs_history",
        "lbfgs_metric",
        "bounds",
    ),
    "start": ("init", "noise_ratio", "seed"),
    "files": ("precision", "bits", "quality", "dpi"),
}
"""In the order in which a form shows them; as on the command line, which a test holds."""

BASIC: Final = frozenset(
    {"preset", "size", "strength", "style_scale", "color", "color_amount", "tileable", "iterations", "init", "seed"}
)
"""What most pictures need; all others are advanced."""


def settings_schema() -> dict[str, Any]:
    """JSON schema, draft 2020-12, of what clients may give."""
    whole = Settings.model_json_schema()
    properties = {}
    for panel, names in PANELS.items():
        for name in names:
            properties[name] = {**whole["properties"][name], "x-panel": panel, "x-advanced": name not in BASIC}
    properties["preset"]["enum"] = list(presets.PRESETS)
    properties["init"]["enum"] = list(STARTS)
    properties["init"]["description"] = "start image: content, noise, blend or style"
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return schema | ({"$defs": whole["$defs"]} if "$defs" in whole else {})


def check_given(given: Mapping[str, Any]) -> None:
    """Raises InvalidSettings for what only the server may choose; whether values are right, `Request.resolved` says."""
    for name, why in HIDDEN.items():
        if name in given:
            raise InvalidSettings(f"{name} cannot be given here: {why}; leave it out", setting=name)
    start = given.get("init")
    if start is not None and start not in STARTS:
        raise InvalidSettings(
            f"init: expected {', '.join(STARTS)}; send a picture to start from, and give its id as start", setting="init"
        )


def shown(settings: Settings, *, own_start: bool) -> dict[str, Any]:
    """Resolved settings, without those that are the server's; `own_start`: init is a file's name, not one of STARTS."""
    hidden = {*HIDDEN, *(("init",) if own_start else ())}
    return settings.model_dump(mode="json", exclude=hidden)
