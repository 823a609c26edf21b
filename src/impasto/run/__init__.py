"""The order of work for one picture: levels, start image, run, result; to a file with checkpoints."""

from impasto.run.api import prepare, stylize
from impasto.run.engine import Run
from impasto.run.inputs import Inputs, gather
from impasto.run.result import Result
from impasto.run.step import Record, Step

__all__ = ["Inputs", "Record", "Result", "Run", "Step", "gather", "prepare", "stylize"]
