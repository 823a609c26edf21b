"""Evaluators: picture → (value, gradient).  They share a protocol, not a parent."""

from impasto.evaluate.evaluation import Evaluation, Evaluator
from impasto.evaluate.tiled import Tiled, TiledSurvey
from impasto.evaluate.whole import Whole

__all__ = ["Evaluation", "Evaluator", "Tiled", "TiledSurvey", "Whole"]
