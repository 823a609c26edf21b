"""The process that looks at pictures, so that the web server need not: requests and answers are lines of JSON.

What strangers send is decoded here, within a limit of memory; if a file makes this process die, only its own request fails.
Run as `python -m impasto.server.pictures_process LIMIT_BYTES`.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch

from impasto.errors import ImageTooLarge, ImpastoError
from impasto.images import FORMATS, encode, fit, read, read_manifest
from impasto.images.decode import format_of
from impasto.out_of_memory import is_out_of_memory
from impasto.run.style_file import is_style_file, read_style

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

_MEDIA: Final = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "HEIF": "image/heif",
}
_OTHER: Final = "application/octet-stream"
_OWN_PIXELS: Final = 2**31
"""Pictures of our own making have no limit but memory."""


def inspect(path: str, name: str, max_pixels: int) -> dict[str, Any]:
    """Return what an uploaded file is; all of it is decoded, so that a damaged one is found now and not by a worker."""
    data = Path(path).read_bytes()
    if is_style_file(data):
        height, width = read_style(data, name=name).size
        return {"kind": "style", "media": _OTHER, "width": width, "height": height}
    try:
        height, width = read(data, name=name, max_pixels=max_pixels).size
    except ImageTooLarge as error:
        raise ImageTooLarge(f"{str(error).partition('; ')[0]}; shrink it") from None
    return {"kind": "picture", "media": _MEDIA.get(format_of(data) or "", _OTHER), "width": width, "height": height}


def shrink(path: str, out: str, side: int) -> dict[str, Any]:
    """Write a small WebP of a picture, upright, with its alpha; never larger than the picture."""
    picture = read(path, max_pixels=_OWN_PIXELS)
    size = fit(picture.size, side) if max(picture.size) > side else picture.size
    Path(out).write_bytes(encode(picture.at(size), ".webp", alpha=picture.alpha_at(size), quality=85))
    return {}


def convert(path: str, out: str, extension: str, quality: int) -> dict[str, Any]:
    """Write a result in another format, its manifest inside."""
    picture = read(path, max_pixels=_OWN_PIXELS)
    bits = picture.bits if 16 in FORMATS[extension].bits else 8
    data = encode(
        picture.rgb,
        extension,
        alpha=picture.alpha,
        bits=bits,
        quality=quality,
        dpi=picture.dpi,
        manifest=read_manifest(path),
    )
    Path(out).write_bytes(data)
    return {}


def ready() -> dict[str, Any]:
    """Answer that everything is loaded."""
    return {}


_DOES: Final[Mapping[str, Callable[..., dict[str, Any]]]] = {
    "inspect": inspect,
    "shrink": shrink,
    "convert": convert,
    "ready": ready,
}


def answered(line: str) -> dict[str, Any]:
    """Return the answer to a request."""
    request = json.loads(line)
    try:
        return {"found": _DOES[request.pop("do")](**request)}
    except ImpastoError as error:
        return {**_failed(type(error).__name__, str(error)), "errno": error.data.get("errno")}
    except Exception as error:  # decoders raise anything
        if isinstance(error, OSError) and error.errno is not None:  # the disk's; those of decoders have no number
            return {**_failed("OutputError", str(error)), "errno": error.errno}
        if is_out_of_memory(error):
            return _failed("ImageTooLarge", "the picture needs more memory than the server gives to one; shrink it")
        return _failed("unexpected", f"{type(error).__name__}: {error}")


def _failed(kind: str, message: str) -> dict[str, Any]:
    return {"error": kind, "message": message}


def limit_memory(limit_bytes: int) -> None:
    """Give this process so much more memory than it has, and no more; it leaves no core when it dies.

    Where the system has no such limits, or a lower one already, that is what holds.
    """
    if resource is None:
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    most = pages * resource.getpagesize() + limit_bytes
    for kind, limit in ((resource.RLIMIT_AS, most), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (allowed, allowed))


def main() -> None:
    """Answer until there is nobody left to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's; the end of input is ours
    torch.set_num_threads(1)
    limit_memory(int(sys.argv[1]))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answered(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
