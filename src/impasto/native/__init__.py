"""The compiled kernels: C for the processor at hand, called through `ctypes`.  They are what a step on the CPU consists of."""

from impasto.native.binding import KERNELS_VARIABLE, Library, address, here, library
from impasto.native.threads import on_threads

__all__ = ["KERNELS_VARIABLE", "Library", "address", "here", "library", "on_threads"]
