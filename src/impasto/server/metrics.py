"""What Prometheus is told; each server has counters of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "impasto_http_requests", "Requests answered", ("method", "route", "status"), registry=self._registry
        )
        self.seconds = Histogram("impasto_http_seconds", "Time to the end of the answer", ("route",), registry=self._registry)
        self.streams = Gauge("impasto_event_streams", "Open event streams", registry=self._registry)
        self.uploaded = Counter("impasto_uploaded_bytes", "Bytes of files taken", registry=self._registry)
        self.submitted = Counter("impasto_jobs_submitted", "Jobs put on the queue", registry=self._registry)
        self.picture_processes = Counter(
            "impasto_picture_processes", "Starts of the process that looks at pictures", registry=self._registry
        )
        self.jobs = Gauge("impasto_jobs", "Jobs by state", ("state",), registry=self._registry)
        self.workers = Gauge("impasto_workers", "Workers that are alive", registry=self._registry)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
