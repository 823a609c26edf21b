"""The peer: neural-style-pt as it is on PyPI, in an environment of its own, run as the program it is.

It is run with its defaults but for what makes both sides the same: `-gpu c` (the CPU), `-init image` (start from the photograph),
the iterations, and `-print_iter 1 -save_iter 0` (J at each evaluation, no picture on the way).  Its network file is the one whose
name it tells networks by, with the keys and the channel order (BGR) of Caffe's VGG-19, and with the numbers embedded in impasto.
The classifier's 495 MB, which it would read and drop, are left out of the file; its option `-disable_check` allows that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.options import ROOT
from benchmarks.race import environment_for
from impasto.vgg.parameters import Weights

FOLDER: Final = ROOT / ".bench-peer"
PACKAGES: Final = {"torch": "2.14.1", "torchvision": "0.29.1", "neural-style": "0.5.7"}
MODEL: Final = "vgg19-d01eb7cb.pth"
_BIN: Final = "Scripts" if sys.platform == "win32" else "bin"


def environment(named: str) -> Path:
    """The folder of the environment: the one named, or .bench-peer/, made when it is missing."""
    if named not in {"", "none"}:
        # Not resolved: an environment may be reached through a link, and its python is one.
        folder = Path(named).expanduser().absolute()
        if not program(folder).exists():
            raise SystemExit(f"the environment {named} holds no neural-style; name one that does, or none")
        return folder
    if not program(FOLDER).exists():
        wanted = [f"{name}=={version}" for name, version in PACKAGES.items()]
        print(f"installing the peer into {FOLDER.name}/, 5.5 GB: {' '.join(wanted)}", flush=True)
        make = [sys.executable, "-m", "venv", "--clear", str(FOLDER)]
        install = [str(python(FOLDER)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
        if any(subprocess.run(line, check=False).returncode != 0 for line in (make, install)):
            raise SystemExit("the peer could not be installed; name an environment that has it with --peer, or --peer none")
    return FOLDER


def program(folder: Path) -> Path:
    """The program in its environment."""
    return folder / _BIN / ("neural-style.exe" if sys.platform == "win32" else "neural-style")


def python(folder: Path) -> Path:
    """The Python of the environment."""
    return folder / _BIN / ("python.exe" if sys.platform == "win32" else "python")


def versions(folder: Path) -> dict[str, str]:
    """Versions of Python and of the peer's packages there."""
    code = (
        "import json, platform; from importlib.metadata import version; "
        f"print(json.dumps({{'python': platform.python_version()}} | {{n: version(n) for n in {[*PACKAGES]!r}}}))"
    )
    done = subprocess.run(
        [str(python(folder)), "-c", code], env=environment_for(folder), capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def pace(folder: Path, *, quick: bool) -> dict[str, Any]:
    """How fast the peer's torch convolves now (pace.py)."""
    return pace_of(python(folder), folder, quick=quick)


def pace_of(interpreter: Path, folder: Path, *, quick: bool) -> dict[str, Any]:
    """pace.py run by an interpreter."""
    command = [str(interpreter), str(Path(__file__).with_name("pace.py")), *(["quick"] if quick else [])]
    done = subprocess.run(command, env=environment_for(folder), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def save_model(weights: Weights, folder: Path) -> Path:
    """The network as the peer reads it: {"features.0.weight": [64, 3, 3, 3] BGR, …}."""
    state = {}
    architecture = weights.architecture
    for name, index in zip(architecture.layers, architecture.torch_indices, strict=True):
        kernel = weights.tensors[f"{name}.weight"]
        if name == architecture.layers[0] and weights.convention.channels == "RGB":
            kernel = kernel.flip(1)
        state[f"features.{index}.weight"] = kernel.clone()
        state[f"features.{index}.bias"] = weights.tensors[f"{name}.bias"].clone()
    torch.save(state, folder / MODEL)
    return folder / MODEL


def command(folder: Path, *, long_side: int, iterations: int, style: str = "style.png", start: str | None = None) -> list[str]:
    """The peer's command line; to be run where content.png, the style and the model lie; `start`: a picture in place of content.

    Names are relative, since it looks for words such as "sod" in the model's whole path to guess the network.
    """
    line = [str(program(folder)), "-content_image", "content.png", "-style_image", style, "-output_image", "peer.png"]
    line += ["-image_size", str(long_side), "-num_iterations", str(iterations), "-init", "image", "-gpu", "c"]
    line += ["-print_iter", "1", "-save_iter", "0", "-model_file", MODEL, "-disable_check"]
    return line if start is None else [*line, "-init_image", start]
