"""How much the server takes: the one home of its limits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Beyond each of them the answer is an error, and nothing is kept."""

    upload_bytes: int = 100 * 2**20
    """Of one file."""

    request_bytes: int = 256 * 2**20
    """Of all files of one request, and what is around them."""

    upload_pixels: int = 100_000_000
    """Of one picture."""

    result_pixels: int = 144_000_000
    """Of a picture to make, as if it were a square: even to plan a larger one takes long."""

    files_per_job: int = 16
    """Pictures, style files and masks of one job, and files of one request."""

    queue: int = 20
    """Jobs that wait or run, per token."""

    streams: int = 256
    """Event streams that are open at once."""

    streams_per_token: int = 64

    uploads: int = 8
    """Requests that send files at once."""

    unused_hours: int = 24
    """For which a file is kept that no job names."""

    body_bytes: int = 2**20
    """Of a request without files."""
