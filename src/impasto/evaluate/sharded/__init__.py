"""One picture over many processes: each owns a band of rows, and together they compute what one would.

Only C×C statistics, borrowed rows and inner products cross the wire, and, for L-BFGS with a metric, the picture's spectrum.
"""

from impasto.evaluate.sharded.bands import gather, own_rows, scatter
from impasto.evaluate.sharded.division import Division, divide
from impasto.evaluate.sharded.evaluator import Sharded, ShardedSurvey, stride_of
from impasto.evaluate.sharded.group import Shards
from impasto.evaluate.sharded.spectrum import ShardedSpectrum

__all__ = [
    "Division",
    "Sharded",
    "ShardedSpectrum",
    "ShardedSurvey",
    "Shards",
    "divide",
    "gather",
    "own_rows",
    "scatter",
    "stride_of",
]
