"""`python -m deployer.cli`."""

from deployer.cli import program

program()
