"""Room on the stack of frames: what it is for, seen from the system's side."""

import subprocess
import sys

import pytest

from tests.stack import roomy
from tests.test_architecture import ROOT

# Calls at each depth of a stack, and how many pages the system had to give meanwhile.
MEASURE = """
import resource
from tests.stack import roomy

def leaf():
    pass

def deep(depth):
    for _ in range(2_000):
        leaf()
    return depth and deep(depth - 1)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def measure():
    before = faults()
    deep(400)
    return faults() - before

print(roomy(measure))
"""


def test_what_is_called_answers_and_raises():
    assert roomy(lambda: 42) == 42
    with pytest.raises(KeyError):
        roomy(lambda: {}["absent"])


def test_no_call_asks_the_system_for_memory():
    """The pages that the system had to give: some thousands where frames are kept in small pieces, a few with room."""
    asked = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert int(asked) < 1_000
