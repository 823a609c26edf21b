"""Pictures as durable jobs: a queue in a database, files in a data location, workers that lose nothing when they are killed.

Nothing that is imported here loads torch: the web process and `impasto batch` only submit and look; `jobs.worker` computes.
"""

from impasto.jobs.job import Job, Progress, State
from impasto.jobs.queue import Queue
from impasto.jobs.request import Ref, Request, StyleRef
from impasto.jobs.store import Store, open_store

__all__ = ["Job", "Progress", "Queue", "Ref", "Request", "State", "Store", "StyleRef", "open_store"]
