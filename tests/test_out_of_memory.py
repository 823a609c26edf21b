"""Which errors mean that memory ran out."""

from __future__ import annotations

import errno
import os

import pytest
import torch

from impasto.out_of_memory import is_out_of_memory

MEANS_IT = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    ),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("MKL FFT error: Intel oneMKL DFTI ERROR: Memory allocation error"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("could not create a primitive"),
    RuntimeError("unable to mmap 40051832 bytes from file <vgg19.safetensors>: Cannot allocate memory (12)"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
]
MEANS_SOMETHING_ELSE = [
    RuntimeError("shapes do not match"),
    RuntimeError("could not create a primitive descriptor for a convolution forward propagation primitive"),
    RuntimeError("tensors are allocated on different devices"),
    RuntimeError("can't start new thread"),
    ImportError("x.so: failed to map segment from shared object: Operation not permitted"),
    OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    KeyboardInterrupt("out of memory"),
]


@pytest.mark.parametrize("error", MEANS_IT, ids=str)
def test_what_libraries_say_when_memory_runs_out_is_known(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", MEANS_SOMETHING_ELSE, ids=str)
def test_other_errors_are_not_taken_for_it(error: BaseException) -> None:
    assert not is_out_of_memory(error)
