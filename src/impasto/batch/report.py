"""The report of a batch: report.json, and index.html, a contact sheet to scroll through, without any script."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import quote

from impasto import __version__
from impasto.batch.making import Outcome
from impasto.files import put
from impasto.storage.listing import problem
from impasto.storage.text import shown, to_json, valid

_STYLE: Final = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:24px;background:#fff;color:#1c1c1c}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}}"
    "ul{display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:18px;list-style:none;padding:0}"
    "img{width:100%;height:auto;display:block;border-radius:4px}p{margin:6px 0 0;overflow-wrap:anywhere}"
    ".failed{border:1px solid #c0392b;border-radius:4px;padding:10px}small{opacity:.75}"
)

_PAGES: Final = _STYLE[:60].encode()
"""Bytes that tell a page of a batch from any other."""


@dataclass(frozen=True)
class Written:
    """Where the report and its page are; they have other names where files of the user's have theirs."""

    report: Path
    page: Path


def write_report(folder: Path, outcomes: Sequence[Outcome], *, seconds: float, unfinished: int) -> Written:
    """Write both, in place of older ones of a batch.  Raises OutputError."""
    pictures = [
        {
            "name": one.row.name,
            "state": one.state,
            "picture": _relative(one.picture, folder) if one.state in {"made", "skipped"} else None,
            "content": one.row.content,
            "styles": list(one.row.styles),
            "settings": dict(one.row.settings),
            "seconds": one.seconds,
            "loss": one.loss,
            "message": one.message,
        }
        for one in outcomes
    ]
    facts = {
        "format": "impasto-batch 1",
        "version": __version__,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        **{state: sum(one.state == state for one in outcomes) for state in ("made", "skipped", "failed", "stopped")},
        "unfinished": unfinished,
        "pictures": pictures,
    }
    report = _free(folder, "report.json", b'"impasto-batch ')
    page = _free(folder, "index.html", _PAGES)
    put(report, f"{to_json(facts, indent=1)}\n".encode(), existing="replace")
    put(page, valid(_page(folder, outcomes)).encode(), existing="replace")
    return Written(report, page)


def _free(folder: Path, name: str, mark: bytes) -> Path:
    """Return the path of that name, or with impasto- before it where the user has a file of that name."""
    path = folder / name
    if not os.path.lexists(path):
        return path
    beginning = b"no file"
    if problem(path) is None:
        with contextlib.suppress(OSError), path.open("rb") as file:
            beginning = file.read(2048)
    return path if beginning == b"" or mark in beginning else folder / f"impasto-{name}"


def _page(folder: Path, outcomes: Sequence[Outcome]) -> str:
    fields = "\n".join(_field(folder, one) for one in outcomes)
    count = sum(one.state in {"made", "skipped"} for one in outcomes)
    title = f"{count} picture{'' if count == 1 else 's'}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n<ul>\n{fields}\n</ul></body></html>\n"
    )


def _field(folder: Path, one: Outcome) -> str:
    name = escape(shown(one.row.name))
    if one.state in {"failed", "stopped"}:
        return f'<li class="failed"><p><strong>{name}</strong></p><p>{escape(shown(one.message or ""))}</p></li>'
    link = quote(_relative(one.picture, folder).encode("utf-8", "surrogateescape"))
    made_of = escape(shown(" + ".join(Path(path).name for path in (one.row.content, *one.row.styles))))
    return (
        f'<li><a href="{link}"><img src="{link}" alt="{name}" loading="lazy"></a><p>{name}<br><small>{made_of}</small></p></li>'
    )


def _relative(picture: Path, folder: Path) -> str:
    return picture.relative_to(folder).as_posix()
