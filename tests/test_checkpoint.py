"""A checkpoint on disk: what was written is what is read, without a copy of it in memory, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from impasto import checkpoint
from impasto.checkpoint import Checkpoint
from impasto.errors import OutputError

BASE = torch.arange(24, dtype=torch.float32)
TENSORS = {
    "float32": BASE.reshape(2, 3, 4),
    "float64": torch.tensor([[1e300, -0.0], [float("inf"), 5e-324]], dtype=torch.float64),
    "int64": torch.tensor([2**62, -1]),
    "uint8": torch.arange(5, dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(0.1),
    "empty": torch.empty(0, 3),
    "transposed": BASE.reshape(4, 6).T,
    "every other": BASE[1::2],
    "repeated": BASE[:1].expand(3),
    "channels last": BASE.reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
    "with a gradient": torch.ones(2, requires_grad=True),
    "another name of float32": BASE.reshape(2, 3, 4),
    "ä \"'\n": BASE[:3],
}


def stored(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


@pytest.mark.parametrize("name", TENSORS)
def test_the_library_reads_the_tensor_that_was_written(tmp_path: Path, name: str) -> None:
    checkpoint.write(tmp_path / "a", Checkpoint({}, TENSORS, {}))
    found = stored(tmp_path / "a")
    assert list(found) == sorted(TENSORS)
    assert found[name].dtype == TENSORS[name].dtype
    assert found[name].shape == TENSORS[name].shape
    assert torch.equal(found[name], TENSORS[name])


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="file systems there have names in Unicode only")
def test_a_checkpoint_whose_own_name_is_not_utf_8_is_read(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.checkpoint")
    checkpoint.write(path, Checkpoint({"step": 3}, TENSORS, {}))
    found = checkpoint.read(path)
    assert found.facts == {"step": 3}
    assert torch.equal(found.tensors["float32"], TENSORS["float32"])


def test_facts_and_inputs_are_read_as_they_were_written(tmp_path: Path) -> None:
    facts = {"path": "ä\udc80/\"'\\.png", "first": 0.1, "best": None, "records": [{"step": 1}]}
    inputs = {"content": bytes(range(256)), "style.0": b"", "style.1": b"x"}
    checkpoint.write(tmp_path / "a", Checkpoint(facts, TENSORS, inputs))
    found = checkpoint.read(tmp_path / "a")
    assert found.facts == facts
    assert found.inputs == inputs
    assert set(found.tensors) == set(TENSORS)


def test_each_tensor_stands_where_its_numbers_can_be_read_in_place(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "a", Checkpoint({}, TENSORS, {"content": b"abc"}))
    assert [name for name, tensor in stored(tmp_path / "a").items() if tensor.data_ptr() % tensor.element_size()] == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_writing_takes_the_memory_of_one_tensor_at_most(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
import torch
from impasto import checkpoint
MIB = 2**20
def peak_mib():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
def write(tensors, inputs):
    before = peak_mib()
    checkpoint.write(Path(sys.argv[1]), checkpoint.Checkpoint({}, tensors, inputs))
    print(peak_mib() - before)
write({"few": torch.ones(4)}, {"content": b"few"})
plain = {str(i): torch.ones(10, MIB // 4) for i in range(10)}
write(plain, {"content": bytes(range(256)) * (100 * MIB // 256)})
write({name: tensor.T for name, tensor in plain.items()}, {})
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "a"], capture_output=True, text=True, check=True)
    _, in_place, copied = (float(line) for line in done.stdout.splitlines())
    assert in_place < 3  # of 200 MiB
    assert copied < 13  # of 10 tensors of 10 MiB, each to be copied


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
@pytest.mark.parametrize("limit", [4, 1000, 60_000])
@pytest.mark.parametrize("before", [None, b"old"])
def test_lack_of_room_leaves_what_was_there(tmp_path: Path, limit: int, before: bytes | None) -> None:
    import resource

    path = tmp_path / "a"
    if before is not None:
        path.write_bytes(before)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(OutputError, match="a cannot be written: the file would be larger"):
            checkpoint.write(path, Checkpoint({}, {"x": torch.ones(10_000)}, {"content": bytes(30_000)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == ({} if before is None else {"a": before})
