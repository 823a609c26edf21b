"""Errors go from process to process: each of ours survives pickle and copy, with its message and its facts."""

from __future__ import annotations

import copy
import importlib
import inspect
import multiprocessing
import pickle
import pkgutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import impasto
from impasto.errors import ImpastoError, InvalidSettings, UnknownName
from impasto.settings import parse

OTHER_CONSTRUCTORS = {
    "UnknownName": ("network", "vgg18", ["vgg16", "vgg19"]),
    "Problem": (404, "not_found", "there is no job"),
}
"""Arguments for those of our exceptions that take something else than a message."""


def our_exceptions() -> list[type[BaseException]]:
    """All exception classes that any of our modules defines."""
    found: dict[str, type[BaseException]] = {}
    for module in pkgutil.walk_packages(impasto.__path__, "impasto."):
        if module.name == "impasto.__main__" or "._native_" in module.name:  # runs the program; is no module of Python
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__.startswith("impasto."):
                found[f"{value.__module__}.{name}"] = value
    return list(dict.fromkeys(found.values()))


def made(kind: type[BaseException]) -> BaseException:
    error = kind(*OTHER_CONSTRUCTORS.get(kind.__name__, ("what was wrong",)))
    error.add_note("and where")
    return error


def through_pickle(error: BaseException) -> BaseException:
    return pickle.loads(pickle.dumps(error))  # type: ignore[no-any-return]


@pytest.mark.parametrize("way", [through_pickle, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_each_exception_survives(way: Callable[[BaseException], BaseException]) -> None:
    kinds = our_exceptions()
    assert {"UnknownName", "Busy", "Conflict", "Problem", "Undecodable"} <= {kind.__name__ for kind in kinds}
    for kind in kinds:
        error = made(kind)
        again = way(error)
        assert type(again) is kind
        assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error)), kind


def test_facts_that_cannot_be_pickled_are_left_out_and_the_rest_arrives() -> None:
    again = through_pickle(ImpastoError("no room", path=Path("a.png"), lock=threading.Lock()))
    assert isinstance(again, ImpastoError)
    assert (str(again), again.data) == ("no room", {"path": Path("a.png")})


def test_an_unknown_name_keeps_what_it_knows() -> None:
    with pytest.raises(UnknownName) as told:
        parse({"iteratons": 3})
    again = through_pickle(told.value)
    assert isinstance(again, InvalidSettings)
    assert str(again) == str(told.value) and again.data == told.value.data
    assert "did you mean iterations" in str(again)


def mistyped(_: int) -> None:
    parse({"iteratons": 3})


def test_a_mistyped_setting_in_a_pool_of_processes_is_told_and_the_pool_goes_on() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        with pytest.raises(impasto.InputError, match="did you mean iterations"):
            pool.map_async(mistyped, [0]).get(timeout=60)
        assert pool.map_async(abs, [-1]).get(timeout=60) == [1]
