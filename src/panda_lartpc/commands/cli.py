"""The command `panda-lartpc`: one module of this folder a sub-command, loaded when it is asked for."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = ("doctor", "settings", "inspect", "show", "similar", "convert")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command and return its exit status: 0 if all is well, 1 if not, 2 for a wrong call.

    Each command's module has `add_parser(subparsers)` and `run(args) -> int`. Only the module asked for is imported, so
    that none waits for the packages of another.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="panda-lartpc", description="Panda for liquid-argon detectors.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    modules = {}
    for name in [name for name in COMMANDS if name in arguments[:1]] or COMMANDS:
        modules[name] = import_module(f"panda_lartpc.commands.{name}")
        modules[name].add_parser(subparsers)
    args = parser.parse_args(arguments)
    try:
        return modules[args.command].run(args)
    except (ValueError, OSError) as error:  # what is wrong with the user's files or settings; the rest is our mistake
        print(f"panda-lartpc {args.command}: {error}", file=sys.stderr)
        return 1
