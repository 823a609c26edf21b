"""Many pictures at once: rows of contents, styles and settings, made by workers, gone on with after any interruption."""

from impasto.batch.making import Batch, Outcome
from impasto.batch.rows import Row, of_pictures
from impasto.batch.tables import of_table

__all__ = ["Batch", "Outcome", "Row", "of_pictures", "of_table"]
