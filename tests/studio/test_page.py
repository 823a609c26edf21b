"""The studio in a browser, with a real worker behind it: from a chosen picture to the downloaded result."""

from __future__ import annotations

import base64
import io
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from tests.jobs.conftest import picture
from tests.studio.conftest import Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1500), pytest.mark.xdist_group("browser")]
LONG = 480_000


def dropped(page: Page, target: Locator, path: Path) -> None:
    """The file as if a person let go of it there."""
    data = base64.b64encode(path.read_bytes()).decode()
    transfer = page.evaluate_handle(
        "([data, name]) => { const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));"
        "const transfer = new DataTransfer();"
        "transfer.items.add(new File([bytes], name, {type: 'image/png'})); return transfer }",
        [data, path.name],
    )
    for event in ("dragenter", "dragover", "drop"):
        target.dispatch_event(event, {"dataTransfer": transfer})


def chosen(page: Page, folder: Path, *, size: int = 64, iterations: int = 8) -> None:
    """A content that was dropped, a style from a file, and settings for a small run."""
    dropped(page, page.get_by_role("button", name="Choose content", exact=True), picture(folder, "photo", 1, (60, 90)))
    expect(page.get_by_test_id("content-picture")).to_be_visible()
    page.get_by_test_id("style-file").set_input_files(picture(folder, "paint", 2, (60, 90)))
    expect(page.get_by_test_id("style-card")).to_have_count(1)
    page.get_by_label("Size in px").fill(str(size))
    short(page, iterations)


def short(page: Page, iterations: int) -> None:
    """A run of one level."""
    page.get_by_text("Advanced settings", exact=True).first.click()
    page.get_by_label("Iterations", exact=True).fill(str(iterations))
    page.get_by_label("Levels", exact=True).fill("1")


def downloaded(page: Page, kind: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download {kind}").click()
    path = folder / f"downloaded.{kind}"
    download.value.save_as(path)
    return path


def opened_mask(page: Page) -> Locator:
    page.get_by_role("button", name=re.compile("Where it paints")).click()
    canvas = page.get_by_test_id("mask-canvas")
    expect(canvas).to_be_visible()
    return canvas


def started(page: Page) -> str:
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(re.compile(r"#/job/[0-9a-f-]+"))
    return page.url.rpartition("/")[2]


def test_from_a_dropped_picture_to_the_downloaded_result(page: Page, tmp_path: Path) -> None:
    chosen(page, tmp_path)
    expect(page.get_by_test_id("estimate")).to_contain_text(re.compile(r"\d+ s|min"), timeout=180_000)
    started(page)
    expect(page.get_by_test_id("state")).to_contain_text("finished", timeout=LONG, ignore_case=True)
    assert page.get_by_test_id("loss-chart").is_visible()
    _shown(page, width=64)
    page.reload()
    _shown(page, width=64)
    for name in ("PNG", "JPEG", "TIFF", "WebP"):
        with Image.open(downloaded(page, name, tmp_path)) as made:
            assert (str(made.format).lower(), made.size) == (name.lower(), (64, 43))
    assert json.loads(downloaded(page, "manifest", tmp_path).read_text())["settings"]["size"] == 64
    slider = page.get_by_role("slider", name="Compare content and picture")
    if not slider.is_visible():
        page.get_by_label("Slider between content and picture").check()
    slider.focus()
    before = slider.get_attribute("aria-valuenow") or slider.input_value()
    slider.press("ArrowLeft")
    assert (slider.get_attribute("aria-valuenow") or slider.input_value()) != before
    page.get_by_role("link", name="Gallery").first.click()
    expect(page.get_by_test_id("job-card")).to_have_count(1)


def _shown(page: Page, *, width: int) -> None:
    """The picture itself is there, not a broken image or the one of the way."""
    picture = page.get_by_test_id("stage-picture").first
    expect(picture).to_be_visible()
    page.wait_for_function("([one, width]) => one.complete && one.naturalWidth === width", arg=[picture.element_handle(), width])


def test_pause_continue_more_and_a_reload_in_the_middle(page: Page, tmp_path: Path) -> None:
    chosen(page, tmp_path, size=128, iterations=300)
    job = started(page)
    page.get_by_role("button", name="Pause").click(timeout=LONG)
    expect(page.get_by_test_id("state")).to_contain_text("paused", timeout=LONG, ignore_case=True)
    page.reload()
    assert page.url.endswith(job)
    expect(page.get_by_test_id("state")).to_contain_text("paused", timeout=LONG, ignore_case=True)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_test_id("stage-picture").first).to_be_visible(timeout=LONG)
    page.reload()
    expect(page.get_by_test_id("state")).to_contain_text(re.compile("running|painting|finished", re.IGNORECASE), timeout=LONG)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_test_id("state")).to_contain_text(re.compile("cancelled|stopped", re.IGNORECASE), timeout=LONG)


def test_a_mask_is_painted_and_counts(page: Page, tmp_path: Path, server: Server) -> None:
    chosen(page, tmp_path)
    canvas = opened_mask(page)
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5, steps=6)
    page.mouse.up()
    page.get_by_role("button", name="Use mask").click()
    job = started(page)
    expect(page.get_by_test_id("state")).to_contain_text("finished", timeout=LONG, ignore_case=True)
    facts = page.evaluate(f"fetch('/api/v1/jobs/{job}').then(answer => answer.json())")
    assert facts["styles"][0]["mask"] is not None
    with Image.open(downloaded(page, "PNG", tmp_path)) as made, Image.open(tmp_path / "photo.png") as photo:
        small = photo.convert("RGB").resize(made.size, Image.Resampling.BICUBIC)
        right, left = ((made.convert("RGB").getpixel(at), small.getpixel(at)) for at in ((58, 21), (19, 21)))
    assert max(abs(a - b) for a, b in zip(*right, strict=True)) < 24, "where no style paints the photograph stays"
    assert max(abs(a - b) for a, b in zip(*left, strict=True)) > 24, "where it does, it is painted"


def test_a_texture_has_no_content_and_is_downloaded(page: Page, tmp_path: Path) -> None:
    page.get_by_role("radio", name="None: a texture of the style").check(force=True)
    expect(page.get_by_test_id("estimate")).to_contain_text("Add a style first")
    page.get_by_test_id("style-file").set_input_files(picture(tmp_path, "paint", 2, (60, 90)))
    expect(page.get_by_test_id("style-card")).to_have_count(1)
    expect(page.get_by_role("slider", name="Strength")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Where it paints"))).to_have_count(0)
    short(page, 8)
    page.get_by_label("Width in px").fill("80")
    page.get_by_label("Height in px").fill("50")
    page.get_by_label("Tileable").check()
    expect(page.get_by_text("multiples of 16 px, not 80x50; use size 80x48")).not_to_have_count(0, timeout=180_000)
    page.get_by_label("Height in px").fill("48")
    expect(page.get_by_test_id("estimate")).to_contain_text(re.compile("about .*80 × 48 px"), timeout=180_000)
    job = started(page)
    expect(page.get_by_test_id("state")).to_contain_text("finished", timeout=LONG, ignore_case=True)
    with Image.open(downloaded(page, "PNG", tmp_path)) as made:
        assert made.size == (80, 48)
        pixels = made.tobytes()
    facts = page.evaluate(f"fetch('/api/v1/jobs/{job}').then(answer => answer.json())")
    assert facts["content"] is None
    sent = facts["given"]
    assert (sent["content_weight"], sent["init"], sent["size"], sent["tileable"]) == (0, "noise", [80, 48], True)
    page.get_by_role("button", name="Repeat with changes").click()
    expect(page.get_by_role("radio", name="None: a texture of the style")).to_be_checked()
    expect(page.get_by_label("Height in px")).to_have_value("48")
    expect(page.get_by_label("Tileable")).to_be_checked()
    page.get_by_role("radio", name="A photograph").check(force=True)
    page.get_by_role("radio", name="None: a texture of the style").check(force=True)
    expect(page.get_by_label("Tileable")).not_to_be_checked()
    command = [sys.executable, "-m", "impasto", "texture", str(tmp_path / "paint.png"), "--size", "80x48", "--tileable"]
    same = ["--iterations", "8", "--levels", "1", "-o", str(tmp_path / "same.png")]
    subprocess.run([*command, *same], check=True, capture_output=True)
    with Image.open(tmp_path / "same.png") as made:
        assert made.tobytes() == pixels, "the command makes the same"


def test_a_stroke_on_a_zoomed_picture_lands_under_the_pointer(page: Page, tmp_path: Path) -> None:
    chosen(page, tmp_path)
    canvas = opened_mask(page)
    whole = canvas.bounding_box()
    assert whole is not None
    at = (whole["x"] + whole["width"] * 0.7, whole["y"] + whole["height"] * 0.3)
    page.mouse.move(*at)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -220)
    page.keyboard.up("Control")
    page.get_by_role("button", name="Zoom in").click()
    page.mouse.move(*at)
    page.keyboard.down(" ")  # the hand: it must leave no paint behind
    page.mouse.down()
    page.mouse.move(at[0] - 40, at[1] + 25, steps=4)
    page.mouse.up()
    page.keyboard.up(" ")
    box = canvas.bounding_box()
    assert box is not None
    assert box["width"] > 4 * whole["width"]
    page.mouse.move(at[0] + 60, at[1] + 10)
    page.mouse.down()
    page.mouse.up()
    page.get_by_role("button", name="Use mask").click()
    job = started(page)
    facts = page.evaluate(f"fetch('/api/v1/jobs/{job}').then(answer => answer.json())")
    answer = page.request.get(f"{page.url.partition('/#')[0]}/api/v1/files/{facts['styles'][0]['mask']}")
    mask = Image.open(io.BytesIO(answer.body())).convert("L")
    left, top, right, bottom = mask.point(lambda value: 255 if value > 127 else 0).getbbox()
    middle = ((left + right) / 2 / mask.width, (top + bottom) / 2 / mask.height)
    pointer = ((at[0] + 60 - box["x"]) / box["width"], (at[1] + 10 - box["y"]) / box["height"])
    assert abs(middle[0] - pointer[0]) * mask.width < 1, "px of the mask"
    assert abs(middle[1] - pointer[1]) * mask.height < 1
    assert right - left <= 4, "a brush is as wide on the screen as before, so it is finer on the picture"


def test_two_fingers_and_keys_zoom_the_mask_and_leave_no_paint(page: Page, tmp_path: Path) -> None:
    chosen(page, tmp_path)
    canvas = opened_mask(page)
    before = canvas.bounding_box()
    assert before is not None
    middle = (before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    devtools = page.context.new_cdp_session(page)

    def touch(kind: str, *away: float) -> None:
        points = [{"x": middle[0] + by, "y": middle[1], "id": number} for number, by in enumerate(away)]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", -20)
    touch("touchStart", -20, 20)
    for by in (25, 30, 40):
        touch("touchMove", -by, by)
    touch("touchEnd")
    pinched = canvas.bounding_box()
    assert pinched is not None
    assert pinched["width"] == pytest.approx(2 * before["width"], rel=0.02), "twice as far apart, twice as large"
    assert pinched["x"] + pinched["width"] / 2 == pytest.approx(middle[0], abs=2), "about their middle"
    pixels = "canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
    painted = f"canvas => {pixels}.reduce((sum, value) => sum + value, 0)"
    untouched = canvas.evaluate(painted)
    canvas.focus()
    for key, factor in (("+", 3.0), ("-", 2.0), ("0", 1.0)):
        page.keyboard.press(key)
        box = canvas.bounding_box()
        assert box is not None
        assert box["width"] == pytest.approx(factor * before["width"], rel=0.02), key
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name=re.compile("Where it paints")).click()
    assert canvas.evaluate(painted) == untouched, "as a mask that nobody painted"


def test_a_lost_server_is_said_and_nothing_accepted_is_lost(page: Page, tmp_path: Path, server: Server) -> None:
    chosen(page, tmp_path, size=128, iterations=120)
    job = started(page)
    expect(page.get_by_test_id("stage-picture").first).to_be_visible(timeout=LONG)
    server.stop(signal.SIGKILL)
    expect(page.get_by_text(re.compile("Connection lost", re.IGNORECASE)).first).to_be_visible(timeout=180_000)
    server.start()
    expect(page.get_by_text(re.compile("Connection lost", re.IGNORECASE)).first).to_be_hidden(timeout=180_000)
    expect(page.get_by_test_id("state")).to_contain_text("finished", timeout=LONG, ignore_case=True)
    jobs = page.evaluate("fetch('/api/v1/jobs').then(answer => answer.json())")
    assert [one["id"] for one in jobs["jobs"]] == [job], "none is done twice"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_for_those_who_do_not_see_or_point(page: Page, tmp_path: Path, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    chosen(page, tmp_path)
    _check(page, "new")
    page.get_by_role("radio", name="None: a texture of the style").check(force=True)
    _check(page, "texture")
    page.get_by_role("radio", name="A photograph").check(force=True)
    page.get_by_role("button", name=re.compile("Where it paints")).click()
    page.get_by_role("button", name="Zoom in").click()
    _check(page, "mask")
    page.get_by_role("button", name="Cancel").click()
    started(page)
    expect(page.get_by_test_id("state")).to_contain_text("finished", timeout=LONG, ignore_case=True)
    _check(page, "job")
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_role("link", name="Gallery").first.click()
    expect(page.get_by_test_id("job-card")).to_have_count(1)
    _check(page, "gallery")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off on a phone"


def _check(page: Page, view: str) -> None:
    found = Axe().run(page).response["violations"]
    serious = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in {"serious", "critical"}]
    assert serious == [], view
