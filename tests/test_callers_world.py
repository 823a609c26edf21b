"""A picture does not depend on what the calling program has set in PyTorch and NumPy, or does to what it is given; and the other
way round: the program finds its world as it was.

The network is a small one with the real topology, whose channels our own convolutions can do.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.samples import WIDE, painting, photo, tiny_weights

import impasto
from impasto import losses, torch_modes
from impasto.run import api
from impasto.vgg import Vgg

WEIGHTS = tiny_weights(WIDE)
ROOT = Path(__file__).parents[1]
CALL: dict[str, Any] = {"size": 96, "iterations": 3, "levels": 2, "precision": "float32"}


@pytest.fixture(autouse=True)
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "load", lambda name: WEIGHTS)


def made(**more: Any) -> impasto.Result:
    return impasto.stylize(photo(60, 80), painting(50, 60), **CALL, **more)


@pytest.fixture
def expected() -> torch.Tensor:
    """The picture that the call makes in a world as Python starts it."""
    return made().rgb


# What a program may have set.


@contextlib.contextmanager
def until_here(change: Callable[[Any], object], value: Any, before: Any) -> Iterator[None]:
    change(value)
    try:
        yield
    finally:
        change(before)


def default_dtype(dtype: torch.dtype) -> Callable[[], Any]:
    return lambda: until_here(torch.set_default_dtype, dtype, torch.get_default_dtype())


def matrix_products(precision: str) -> Callable[[], Any]:
    return lambda: until_here(torch.set_float32_matmul_precision, precision, torch.get_float32_matmul_precision())


def onednn(operation: Any) -> Callable[[], Any]:
    return lambda: until_here(lambda value: setattr(operation, "fp32_precision", value), "bf16", operation.fp32_precision)


@contextlib.contextmanager
def products_set_in_two_ways() -> Iterator[None]:
    """PyTorch refuses to read what was set so."""
    with matrix_products("medium")(), until_here(set_onednn, "ieee", "bf16"):
        yield


def set_onednn(precision: str) -> None:
    torch.backends.mkldnn.matmul.fp32_precision = precision  # type: ignore[attr-defined]


def numpy_errors() -> Any:
    return np.errstate(all="raise")


@contextlib.contextmanager
def warnings_as_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


MODES: dict[str, Callable[[], Any]] = {
    "inference mode": torch.inference_mode,
    "no grad": torch.no_grad,
    "grad": torch.enable_grad,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", torch.float16),
    "default float64": default_dtype(torch.float64),
    "default bfloat16": default_dtype(torch.bfloat16),
    "device meta": lambda: torch.device("meta"),
    "default device meta": lambda: until_here(torch.set_default_device, "meta", None),
    "deterministic": lambda: until_here(torch.use_deterministic_algorithms, True, False),
    "matrix products medium": matrix_products("medium"),
    "matrix products high": matrix_products("high"),
    "matrix products of oneDNN": onednn(torch.backends.mkldnn.matmul),
    "convolutions of oneDNN": onednn(torch.backends.mkldnn.conv),
    "matrix products in two ways": products_set_in_two_ways,
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "NumPy raises": numpy_errors,
    "warnings are errors": warnings_as_errors,
    "saved tensors go elsewhere": lambda: torch.autograd.graph.saved_tensors_hooks(lambda x: x.clone(), lambda x: x),
}


def products_as_set() -> str:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # PyTorch does not read what was set in two ways
        return "mixed"


def world() -> dict[str, Any]:
    """All that a program can have set and a library can have changed."""
    backends = torch.backends
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu"), torch.is_autocast_cache_enabled()),
        "products": (products_as_set(), backends.mkldnn.matmul.fp32_precision, backends.mkldnn.conv.fp32_precision),
        "cudnn": (backends.cudnn.enabled, backends.cudnn.benchmark, backends.cudnn.deterministic),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        # The old global generator is what programs seed, and what a library must leave alone.
        "random": (torch.random.get_rng_state().tolist(), pickle.dumps(np.random.get_state()), random.getstate()),  # noqa: NPY002
        "numpy": (np.geterr(), np.geterrcall(), np.get_printoptions()),
        "signals": {one: signal.getsignal(one) for one in signal.valid_signals()},
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "streams": (sys.stdout, sys.stderr),
        "hooks": (sys.excepthook, threading.excepthook),
    }


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
def test_a_picture_is_the_same_in_each_mode_and_the_world_as_it_was(mode: Callable[[], Any], expected: torch.Tensor) -> None:
    with mode():
        before = world()
        result = made()
        after = world()
        image = np.asarray(result.image)
    assert after == before
    assert torch.equal(result.rgb, expected)
    assert not result.rgb.requires_grad and not result.rgb.is_inference()
    assert np.array_equal(image, np.asarray(made().image))


def test_on_step_is_called_in_the_callers_own_modes() -> None:
    seen = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), np.errstate(over="raise"):
        made(on_step=lambda step: seen.append((torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu"), np.geterr())))
    assert all(inference and autocast and errors["over"] == "raise" for inference, autocast, errors in seen)


def test_a_run_may_be_advanced_in_another_mode_at_each_step(expected: torch.Tensor) -> None:
    from impasto.run.result import result_of

    with torch.inference_mode():
        run = api.prepare(*settings_and_inputs())
    modes = list(MODES.values())
    at = 0
    while not run.finished:
        with modes[at % len(modes)]():
            run.advance()
        at += 1
    assert torch.equal(result_of(run).rgb, expected)


def settings_and_inputs() -> tuple[Any, Any]:
    from impasto.presets import resolve
    from impasto.run import gather

    settings = resolve(CALL)
    return settings, gather(photo(60, 80), [painting(50, 60)], settings)


def test_a_picture_that_wants_gradients_is_a_picture() -> None:
    plain = torch.rand(3, 60, 80, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        inference = plain.clone()
    pictures = [impasto.stylize(one, painting(50, 60), **CALL).rgb for one in (plain, plain.clone().requires_grad_(), inference)]
    assert torch.equal(pictures[0], pictures[1]) and torch.equal(pictures[0], pictures[2])


def test_four_threads_at_once_in_different_modes_make_the_same_picture(expected: torch.Tensor) -> None:
    # Not those that belong to the process: threads that set them would undo each other's.
    own = ["inference mode", "autocast", "device meta", "NumPy raises"]
    before, together = world(), threading.Barrier(len(own))

    def work(name: str) -> torch.Tensor:
        torch.set_num_threads(1)
        with MODES[name]():
            together.wait(60)
            return made().rgb

    with ThreadPoolExecutor(len(own)) as threads:
        pictures = list(threads.map(work, own))
    assert all(torch.equal(picture, expected) for picture in pictures)
    assert world() == before


def test_what_belongs_to_the_process_is_set_back_by_the_last_of_several_threads() -> None:
    inside, leave = threading.Event(), threading.Event()

    @torch_modes.own_torch_modes()
    def stay() -> str:
        inside.set()
        leave.wait(60)
        return torch.get_float32_matmul_precision()

    with matrix_products("medium")(), ThreadPoolExecutor(1) as threads:
        staying = threads.submit(stay)
        assert inside.wait(60)
        with torch_modes.own_torch_modes():
            pass
        leave.set()
        assert staying.result() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"


def test_threads_that_need_the_process_otherwise_wait_for_each_other() -> None:
    shared, log = torch_modes.Shared(), []

    @contextlib.contextmanager
    def state(name: str) -> Iterator[None]:
        log.append(name)
        yield
        log.append(f"not {name}")

    def hold(name: str) -> None:
        for _ in range(50):
            with shared.held(name, lambda: state(name)):
                assert log[-1] == name

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(hold, "abab"))
    pairs = list(zip(log[::2], log[1::2], strict=True))
    assert all(end == f"not {begin}" for begin, end in pairs)


def in_another_process(_: int) -> np.ndarray:
    torch.set_num_threads(1)
    api.load = lambda name: WEIGHTS  # type: ignore[assignment]
    return made().rgb.numpy()


def test_a_spawned_process_makes_the_same_picture(expected: torch.Tensor) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map_async(in_another_process, [0]).get(timeout=100)
    assert np.array_equal(found[0], expected.numpy())


IN_A_FORKED_PROCESS = """
import os, sys, torch
sys.path.insert(0, {root!r})
from tests.samples import WIDE, painting, photo, tiny_weights
import impasto
from impasto.run import api
api.load = lambda name: tiny_weights(WIDE)
torch.set_num_threads({parent})
if {ours}:
    impasto.stylize(photo(60, 80), painting(50, 60), size=64, iterations=1)
else:
    torch.ones(1 << 20).add_(1)
child = os.fork()
if child == 0:
    torch.set_num_threads({threads})
    for _ in range(2):
        try:
            impasto.stylize(photo(60, 80), painting(50, 60), size=64, iterations=1)
            print("made", flush=True)
        except impasto.RunError as error:
            print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def in_a_forked_process(*, parent: int, threads: int, ours: bool) -> list[str]:
    """What a forked process says of its two tries."""
    script = IN_A_FORKED_PROCESS.format(root=str(ROOT), parent=parent, threads=threads, ours=ours)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=100)
    return ended.stdout.splitlines()


@pytest.mark.parametrize("ours", [True, False], ids=["with us", "without us"])
def test_a_process_forked_after_threads_computed_does_not_hang(ours: bool) -> None:
    """It hangs inside OpenMP on Linux; where it does not, pictures are made."""
    said = in_a_forked_process(parent=2, threads=2, ours=ours)
    assert len(said) == 2
    assert all(line == "made" or "get_context('spawn')" in line for line in said)


@pytest.mark.parametrize(("parent", "threads"), [(2, 1), (1, 2)])
def test_a_forked_process_makes_pictures_where_it_can(parent: int, threads: int) -> None:
    assert in_a_forked_process(parent=parent, threads=threads, ours=True) == ["made", "made"]


WITHOUT_STREAMS = """
import locale, os, sys
sys.path.insert(0, {root!r})
from tests.samples import WIDE, painting, photo, tiny_weights
import torch, impasto
from impasto.run import api
api.load = lambda name: tiny_weights(WIDE)
torch.set_num_threads(1)
for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"):
    try:
        locale.setlocale(locale.LC_ALL, name)
        break
    except locale.Error:
        pass
sys.stdout = sys.stderr = sys.stdin = None
impasto.stylize(photo(60, 80), painting(50, 60), size=96, iterations=3, levels=2, precision="float32").save({path!r})
"""


@pytest.mark.parametrize("flags", [["-O"], ["-OO", "-W", "error", "-X", "dev"]], ids=" ".join)
def test_a_program_without_streams_and_with_any_flags_makes_the_same_picture(
    flags: list[str], tmp_path: Path, expected: torch.Tensor
) -> None:
    """As under pythonw, where there are no streams, and in a locale with decimal commas where there is one."""
    script = WITHOUT_STREAMS.format(root=str(ROOT), path=str(tmp_path / "a.png"))
    ended = subprocess.run([sys.executable, *flags, "-c", script], capture_output=True, text=True, check=False, timeout=100)
    assert ended.returncode == 0, ended.stderr
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), np.asarray(made().image))
    assert expected.shape == (3, 72, 96)


# What a program is given and may write to.


def test_what_a_program_does_to_a_steps_picture_and_parts_does_not_change_the_run(expected: torch.Tensor) -> None:
    def preview(step: impasto.Step) -> None:
        step.rgb[0].mul_(255).clamp_(0, 255).byte().permute(1, 2, 0).numpy()
        step.rgb.fill_(7)
        if isinstance(step.parts, dict):
            step.parts.clear()

    result = made(on_step=preview)
    assert torch.equal(result.rgb, expected)
    assert all(record.parts for record in result.losses)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_step_shows_its_own_picture_whenever_it_is_read(optimizer: str) -> None:
    steps: list[impasto.Step] = []
    pictures: list[torch.Tensor] = []
    made(optimizer=optimizer, on_step=lambda step: (steps.append(step), pictures.append(step.rgb)))
    assert len(steps) > 2
    assert all(torch.equal(step.rgb, picture) for step, picture in zip(steps, pictures, strict=True))


def test_a_step_goes_to_another_process() -> None:
    steps: list[impasto.Step] = []
    made(on_step=steps.append)
    again = pickle.loads(pickle.dumps(steps[-1]))
    assert torch.equal(again.rgb, steps[-1].rgb) and again.loss == steps[-1].loss


def test_what_a_program_does_to_a_result_does_not_change_what_is_saved(tmp_path: Path) -> None:
    rgba = np.dstack([photo(60, 80), np.full((60, 80), 200, np.uint8)])
    result = impasto.stylize(rgba, painting(50, 60), **CALL)
    whole = np.asarray(result.image)
    result.rgb.mul_(255)
    assert result.alpha is not None
    result.alpha.zero_()
    result.image.paste((0, 0, 0, 0), (0, 0, 96, 72))
    assert np.array_equal(np.asarray(result.image), whole)
    assert np.array_equal(np.asarray(Image.open(result.save(tmp_path / "a.png"))), whole)


@pytest.mark.parametrize("name", ["coursera", "impasto"])
def test_settings_and_presets_cannot_be_changed_in_place(name: str) -> None:
    settings = impasto.PRESETS[name].settings()
    for mapping in (settings.style_layers, impasto.PRESETS, impasto.PRESETS[name].values, impasto.Settings().content_layers):
        with pytest.raises(TypeError):
            mapping["conv1_1"] = 9.0  # type: ignore[index]
    assert pickle.loads(pickle.dumps(settings)) == settings == settings.model_copy(deep=True)


def test_the_layers_of_a_preset_cannot_be_changed_in_place() -> None:
    with pytest.raises(TypeError):
        impasto.PRESETS["coursera"].values["style_layers"]["conv1_1"] = 9.0


def test_an_array_that_is_written_to_during_the_run_was_read_before_it(expected: torch.Tensor) -> None:
    content, style = photo(60, 80), painting(50, 60)

    def fill(step: impasto.Step) -> None:
        content.fill(step.step)
        style.fill(step.step)

    assert torch.equal(impasto.stylize(content, style, on_step=fill, **CALL).rgb, expected)


# The network and the losses by themselves.


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
def test_features_are_the_same_in_each_mode(mode: Callable[[], Any]) -> None:
    rgb = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = Vgg(WEIGHTS).features(rgb, ["conv1_1", "conv4_2"])
    with mode():
        found = Vgg(WEIGHTS).features(rgb, ["conv1_1", "conv4_2"])
    assert all(torch.equal(found[layer], expected[layer]) for layer in expected)


@pytest.mark.parametrize("weights", [tiny_weights(), WEIGHTS], ids=["PyTorch's convolutions", "our convolutions"])
def test_a_network_made_in_inference_mode_gives_gradients(weights: Any) -> None:
    with torch.inference_mode():
        vgg = Vgg(weights)
        vgg.features(torch.rand(1, 3, 32, 32), ["conv4_2"])
    rgb = torch.rand(1, 3, 32, 32, requires_grad=True)
    vgg.features(rgb, ["conv4_2"])["conv4_2"].sum().backward()
    assert rgb.grad is not None and float(rgb.grad.abs().max()) > 0


def test_a_network_loaded_in_inference_mode_on_another_default_device_gives_gradients() -> None:
    with torch.inference_mode(), torch.device("meta"):
        vgg = impasto.vgg.load("vgg19", dtype=torch.float64)
    rgb = torch.rand(1, 3, 32, 32, dtype=torch.float64, requires_grad=True)
    vgg.features(rgb, ["conv1_2"])["conv1_2"].sum().backward()
    assert rgb.grad is not None and float(rgb.grad.abs().max()) > 0


@pytest.mark.parametrize("mode", ["autocast", "autocast to float16", "default bfloat16", "device meta", "matrix products medium"])
def test_losses_are_the_same_in_each_mode(mode: str) -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.rand(1, 32, 24, 24, generator=generator) for _ in range(2))
    rgb = torch.rand(1, 3, 24, 24, generator=generator)

    def all_of_them() -> list[torch.Tensor]:
        gram = losses.gram_matrix(one)
        return [gram, losses.style_loss(one, other), losses.content_loss(one, other), losses.total_variation(rgb)]

    expected = all_of_them()
    with MODES[mode]():
        found = all_of_them()
    assert all(torch.equal(was, now) for was, now in zip(expected, found, strict=True))


# What programs give instead of names and Python's numbers.


class OnlyAPath:
    """An object that says its path and is nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


def test_numpys_numbers_are_settings(expected: torch.Tensor) -> None:
    values = {"size": np.int64(96), "iterations": np.int32(3), "levels": torch.tensor(2), "precision": np.str_("float32")}
    result = impasto.stylize(photo(60, 80), painting(50, 60), style_weights=np.array([1.0]), tileable=np.bool_(False), **values)
    assert torch.equal(result.rgb, expected)
    assert {type(result.settings.size), type(result.settings.iterations), type(result.settings.levels)} == {int}
    assert result.manifest["settings"]["style_weights"] is None or result.manifest["settings"]["style_weights"] == [1.0]


def test_any_object_that_says_its_path_is_one(tmp_path: Path) -> None:
    Image.fromarray(photo(60, 80)).save(tmp_path / "photo.png")
    Image.fromarray(painting(50, 60)).save(tmp_path / "paint.png")
    paths = [tmp_path / "photo.png", tmp_path / "paint.png"]
    expected = impasto.stylize(*paths, **CALL)
    found = impasto.stylize(OnlyAPath(paths[0]), [OnlyAPath(paths[1])], **CALL)
    assert torch.equal(found.rgb, expected.rgb)
    assert found.manifest["content"]["path"] == expected.manifest["content"]["path"]
    assert found.save(OnlyAPath(tmp_path / "a.png")) == tmp_path / "a.png"  # type: ignore[arg-type]


@pytest.mark.parametrize(("asked", "kind"), [(None, "PNG"), ("png", "PNG"), (".JPG", "JPEG"), ("webp", "WEBP"), ("tiff", "TIFF")])
def test_a_file_object_gets_the_picture_in_the_format_asked_for(asked: str | None, kind: str) -> None:
    result, file = made(), io.BytesIO()
    assert result.save(file, format=asked) is None
    assert not file.closed
    found = Image.open(io.BytesIO(file.getvalue()))
    assert (found.format, found.size) == (kind, (96, 72))


def test_a_file_object_with_a_name_says_its_format(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        made().save(file)
    assert Image.open(io.BytesIO((tmp_path / "a.jpg").read_bytes())).format == "JPEG"
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("wrong", ["gif", "", "png.exe"])
def test_a_format_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(impasto.InputError, match="there is no format"):
        made().save(io.BytesIO(), format=wrong)


def test_something_that_is_no_place_is_refused() -> None:
    with pytest.raises(impasto.InputError, match="expected a path or a file object"):
        made().save(5)  # type: ignore[call-overload]
