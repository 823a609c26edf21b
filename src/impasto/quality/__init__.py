"""Numbers about finished pictures that are not the loss they were made with: `score`."""

from impasto.quality.report import Scores, score

__all__ = ["Scores", "score"]
