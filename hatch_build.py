"""Compiles the kernels (src/impasto/native/*.c) at installation, for each instruction set that the processor family has.

Without a C compiler (GCC or Clang) the installation succeeds all the same: PyTorch's own convolutions are used then.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "src/impasto/native"
SOURCES = ("native.c", "winograd.c", "opening.c", "products.c")
X86 = {
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"],
}
FLAGS = ["-std=gnu11", "-O3", "-fPIC", "-shared", "-fno-math-errno", "-ffp-contract=fast"]


class Compile(BuildHookInterface):  # type: ignore[type-arg]
    """Puts `_native_*.so` beside the source, and into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before each build; version is "standard" or "editable"."""
        del version
        for old in (Path(self.root) / FOLDER).glob("_native_*.so"):
            old.unlink()  # of another source, perhaps; a running program keeps the file it has open
        compiler = self._compiler()
        if compiler is None:
            self.app.display_warning(
                "no C compiler (set CC): impasto will use PyTorch's convolutions, and a step on the CPU take twice as long"
            )
            return
        variants = X86 if platform.machine().lower() in {"x86_64", "amd64"} else {"plain": []}
        for name, flags in variants.items():
            if self._compiled(compiler, name, flags):
                build_data["artifacts"].append(f"{FOLDER}/_native_{name}.so")
                build_data["pure_python"] = False
                build_data["tag"] = f"py3-none-{re.sub(r'[-.]', '_', sysconfig.get_platform())}"

    def _compiled(self, compiler: list[str], name: str, flags: list[str]) -> bool:
        folder = Path(self.root) / FOLDER
        target, fresh = folder / f"_native_{name}.so", folder / f"_native_{name}.{os.getpid()}.tmp"
        command = [*compiler, *FLAGS, *flags, *(str(folder / source) for source in SOURCES), "-o", str(fresh)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            fresh.unlink(missing_ok=True)
            self.app.display_warning(f"{shlex.join(command)} failed:\n{done.stderr}")
            return False
        fresh.replace(target)
        return True

    @staticmethod
    def _compiler() -> list[str] | None:
        if os.name != "posix":
            return None  # GCC for Windows does not align the stack as vectors need it, and MSVC has no vector types
        given = shlex.split(os.environ.get("CC", ""))
        for name in [given[0]] if given else ["gcc", "clang", "cc"]:
            found = shutil.which(name)
            if found is not None:
                return [found, *given[1:]]
        return None
