"""Damaged files: whatever bytes come, `read` gives a picture or says in one line what is wrong, soon and in bounded memory."""

import resource
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.odd.mutations import damaged, valid_files

from impasto.errors import ImpastoError
from impasto.images import read

FILES = valid_files()
LIMIT_PX = 100_000
LONGEST_S = 60
MOST_MEMORY_KIB = 1 << 20
KINDS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1}

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(QUICK, max_examples=1000)


def check_law(data: bytes) -> None:
    """A picture of the right form, or an error of ours in one line."""
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        picture = read(data, role="content", max_pixels=LIMIT_PX)
    except ImpastoError as error:
        assert str(error).startswith("content "), str(error)
        assert "\n" not in str(error)
        assert len(str(error)) < 500
    else:
        height, width, channels = picture.pixels.shape
        assert height >= 1
        assert 1 <= height * width <= LIMIT_PX
        assert channels in {1, 2, 3, 4}
        assert 0 <= picture.pixels.min() <= picture.pixels.max() <= KINDS[picture.pixels.dtype]
        assert picture.dpi is None or min(picture.dpi) > 0
    assert time.monotonic() - start < LONGEST_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY_KIB


def test_the_files_that_are_damaged_were_valid() -> None:
    for name, data in FILES.items():
        picture = read(data)
        assert set(picture.size) == {24, 32}, name


@pytest.mark.parametrize("kind", FILES)
@QUICK
@given(data=st.data())
def test_some_damaged_files_read_or_say_why(kind: str, data: st.DataObject) -> None:
    check_law(damaged(data.draw, FILES[kind], FILES[data.draw(st.sampled_from(sorted(FILES)))]))


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", FILES)
@LONG
@given(data=st.data())
def test_many_damaged_files_read_or_say_why(kind: str, data: st.DataObject) -> None:
    check_law(damaged(data.draw, FILES[kind], FILES[data.draw(st.sampled_from(sorted(FILES)))]))
