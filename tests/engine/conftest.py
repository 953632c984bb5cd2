"""Lets the tests here import `tiny_task`, which also runs as a program of its own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
