"""A wheel has nothing that an earlier build left, such as modules that are deleted since."""

import shutil
from pathlib import Path

from setuptools import setup

shutil.rmtree(Path(__file__).with_name("build") / "lib", ignore_errors=True)
setup()
