"""The losses: each a formula as a function, and a term that keeps it as a statistic which adds over pixels."""

from impasto.losses.content import ContentTerm, content_loss
from impasto.losses.gram import GramTerm, gram_matrix, style_loss
from impasto.losses.laplacian import LaplacianTerm
from impasto.losses.pieces import Pieces
from impasto.losses.statistic import PIXELS, Reaches, Statistic, Term, pull
from impasto.losses.variation import VariationTerm, total_variation
from impasto.losses.whole import Compares, kept, require_sums

__all__ = [
    "PIXELS",
    "Compares",
    "ContentTerm",
    "GramTerm",
    "LaplacianTerm",
    "Pieces",
    "Reaches",
    "Statistic",
    "Term",
    "VariationTerm",
    "content_loss",
    "gram_matrix",
    "kept",
    "pull",
    "require_sums",
    "style_loss",
    "total_variation",
]
