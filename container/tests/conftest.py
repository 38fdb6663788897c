"""Lets the tests import the modules under test and examples.py, wherever pytest is started."""

import sys
from pathlib import Path

sys.path[:0] = [str(folder) for folder in (Path(__file__).parents[1], Path(__file__).parent)]
