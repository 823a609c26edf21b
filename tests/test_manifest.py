"""What a picture tells of its making: names and hashes inside it, paths beside it only."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.samples import photo

from impasto import manifest
from impasto.errors import CheckpointError
from impasto.images import read, write

INPUT = {"name": "cat", "path": "/home/alice/secret/cat.jpg", "sha256": "0" * 64, "pixels_sha256": None, "width": 4, "height": 3}
FACTS: dict[str, Any] = {
    "finished": True,
    "settings": {"network": "C:\\nets\\mine.pth", "init": "/home/alice/secret/start.png", "size": 64},
    "content": INPUT,
    "styles": [{**INPUT, "path": None}, {**INPUT, "path": "paint.png"}],
    "masks": {"0": INPUT},
    "start": None,
}


def texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for one in value.items() for text in texts(one[1])]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []


def test_inside_a_picture_stand_names_of_files_and_no_folder() -> None:
    found = manifest.without_places(FACTS)
    assert not [text for text in texts(found) if "/" in text or "\\" in text]
    assert found["content"] == {**{key: INPUT[key] for key in INPUT if key != "path"}, "file": "cat.jpg"}
    assert "file" not in found["styles"][0] and found["styles"][1]["file"] == "paint.png"
    assert (found["settings"]["network"], found["settings"]["init"]) == ("mine.pth", "start.png")
    assert manifest.without_places(found) == found


def test_the_record_beside_is_taken_if_it_is_the_pictures_own(tmp_path: Path) -> None:
    picture, beside = tmp_path / "a.png", tmp_path / "a.png.json"
    write(picture, read(photo(8, 9)).rgb, manifest=manifest.to_json(manifest.without_places(FACTS)))
    assert manifest.load(picture)["content"] == manifest.without_places(FACTS)["content"]
    beside.write_text(manifest.to_json(FACTS))
    assert manifest.load(picture)["content"]["path"] == INPUT["path"]
    beside.write_text(manifest.to_json({**FACTS, "content": {**INPUT, "sha256": "1" * 64}}))
    assert manifest.load(picture)["content"]["sha256"] == "0" * 64
    beside.write_text("[]")
    assert manifest.load(picture)["content"]["sha256"] == "0" * 64
    write(picture, read(photo(8, 9)).rgb, overwrite=True)
    with pytest.raises(CheckpointError, match="carries no manifest"):
        manifest.load(picture)


def test_only_a_record_is_forgotten(tmp_path: Path) -> None:
    record, other = tmp_path / "a.png.json", tmp_path / "b.png.json"
    record.write_text(manifest.to_json(FACTS))
    other.write_text(json.dumps({"mine": 1}))
    for path in (record, other, tmp_path / "c.png.json"):
        manifest.forget(path)
    assert [path.name for path in tmp_path.iterdir()] == ["b.png.json"]


def saved(array: np.ndarray[Any, Any], kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(array).save(data, kind, **options)
    return data.getvalue()


def test_pixels_have_one_hash_however_they_are_packed() -> None:
    array = photo(20, 31)
    opaque = np.dstack([array, np.full((20, 31), 255, np.uint8)])
    rated = Image.Exif()
    rated[0x4746] = 5
    packed = [saved(array, "PNG"), saved(array, "TIFF"), saved(opaque, "PNG"), saved(array, "PNG", exif=rated)]
    packed.append(saved(array, "WEBP", lossless=True))
    hashes = {read(one).pixels_sha256 for one in packed} | {read(array.astype(np.uint16) * 257).pixels_sha256}
    assert len(hashes) == 1
    gray = array[:, :, 0].copy()
    assert read(gray).pixels_sha256 == read(np.dstack([gray] * 3)).pixels_sha256


def test_another_pixel_size_opacity_or_order_is_another_hash() -> None:
    array = photo(20, 30)
    brighter, clear = array.copy(), np.dstack([array, np.full((20, 30), 255, np.uint8)])
    brighter[3, 4, 0] ^= 1
    clear[0, 0, 3] = 0
    others = [array, brighter, clear, array[::-1].copy(), array.reshape(30, 20, 3), array.astype(np.float32) / 255]
    assert len({read(one).pixels_sha256 for one in others}) == len(others)


def test_what_lies_under_wholly_transparent_pixels_does_not_count() -> None:
    one = np.dstack([photo(20, 30), np.full((20, 30), 255, np.uint8)])
    one[:4, :, 3] = 0
    other = one.copy()
    other[:4, :, :3] = 77
    assert read(one).pixels_sha256 == read(other).pixels_sha256


def test_an_input_is_the_same_by_its_bytes_or_by_its_pixels() -> None:
    original, rated = read(saved(photo(20, 31), "PNG")), read(saved(photo(20, 31), "PNG", compress_level=0))
    described = manifest.describe_picture(original, None)
    assert original.sha256 != rated.sha256 and manifest.is_same(described, rated)
    assert not manifest.is_same(described, read(saved(photo(20, 31, seed=9), "PNG")))
    older = {key: value for key, value in described.items() if key != "pixels_sha256"}
    assert manifest.is_same(older, original) and not manifest.is_same(older, rated)
