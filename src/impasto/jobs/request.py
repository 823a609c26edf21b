"""What a job is asked to make: pictures by the hash of their bytes, and settings as they were given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from impasto import presets
from impasto.errors import InvalidSettings
from impasto.settings import Settings, check_counts
from impasto.storage.text import to_json

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


Suffix = Literal[".png", ".jpg", ".tif", ".webp"]


class Ref(BaseModel):
    """A file of the store: its hash, what it is called, and where it was, for the record only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Sha256
    name: Annotated[str, Field(max_length=200)] = "picture"
    path: str | None = None


class StyleRef(Ref):
    """A style with its weight (None: as the settings say), and masks: where it paints, and what of it counts."""

    weight: Annotated[float, Field(gt=0, lt=1e12, allow_inf_nan=False)] | None = None
    mask: Ref | None = None
    style_mask: Ref | None = None


class Request(BaseModel):
    """One picture to make.  `settings` are those given, preset included; `parent`: the job this one came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    content: Ref | None = None
    styles: Annotated[tuple[StyleRef, ...], Field(min_length=1, max_length=1000)]
    color_mask: Ref | None = None
    start: Ref | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    name: Annotated[str, Field(max_length=200)] = ""
    parent: str | None = None
    suffix: Suffix = ".png"
    """The format of the result, which is there as PNG in any case."""

    record: bool = True
    """True where the result holds the record of its making."""

    def resolved(self) -> Settings:
        """The settings of the run.  Raises InvalidSettings."""
        given = dict(self.settings)
        weights = [style.weight for style in self.styles]
        if any(weight is not None for weight in weights):
            if given.get("style_weights") is not None:
                raise InvalidSettings(
                    "weights of styles are given with them and as style_weights; give them once", setting="style_weights"
                )
            given["style_weights"] = [1.0 if weight is None else weight for weight in weights]
        if self.start is not None:
            given["init"] = f"{self.start.name}.png"
        return presets.resolve(given)

    def roles(self) -> Iterator[tuple[str, Ref]]:
        """Every file by its role, as a run's inputs name them; without content that is the first style."""
        yield "content", self.styles[0] if self.content is None else self.content
        for at, style in enumerate(self.styles):
            yield f"style.{at}", style
        if self.start is not None:
            yield "start", self.start
        for at, style in enumerate(self.styles):
            if style.mask is not None:
                yield f"mask.{at}", style.mask
        for at, style in enumerate(self.styles):
            if style.style_mask is not None:
                yield f"style_mask.{at}", style.style_mask
        if self.color_mask is not None:
            yield "color_mask", self.color_mask

    def text(self) -> str:
        """Return the request as JSON, from which `from_text` makes it again; names that are no UTF-8 survive."""
        return to_json(self.model_dump(mode="json"))

    @classmethod
    def from_text(cls, text: str) -> Request:
        """Return the request that `text` wrote.  Raises ValueError."""
        # Not by pydantic's own parser, which takes no lone surrogates.
        return cls.model_validate(json.loads(text))

    def digest(self) -> str:
        """Return the hash of all that the picture depends on: its files' bytes and its resolved settings, not their names."""
        facts: dict[str, Any] = {
            "files": [(role, ref.sha256) for role, ref in self.roles()],
            "settings": self.resolved().model_dump(mode="json", exclude={"init"} if self.start is not None else None),
        }
        if not self.record:  # said only then, so that other requests keep the hash that they have always had
            facts["record"] = False
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def parse_request(values: Any) -> Request:
    """A request from plain values, its settings resolved once to know that they are right.  Raises InvalidSettings."""
    try:
        request = Request.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the job"
        reason = first["msg"].removeprefix("Value error, ")
        raise InvalidSettings(f"{where}: {reason[0].lower()}{reason[1:]}", setting=where) from None
    check_counts(request.resolved(), len(request.styles))
    return request
