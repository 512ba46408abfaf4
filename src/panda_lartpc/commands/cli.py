"""The command `panda-lartpc`: one module of this folder a sub-command, loaded when it is asked for."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

# What `panda-lartpc --help` says of each; here, so that it imports none of them.
COMMANDS = {
    "doctor": "versions, device, usable backends, and a one-second self-check",
    "settings": "all keys of config.yaml: defaults, allowed values, meaning",
    "inspect": "what a data file, store or event index holds",
    "show": "write a page that shows events of a file or store in 3D",
    "similar": "find events or particles like a given one, by their embeddings",
    "convert": "voxelise Geant4 energy segments into a PILArNet-M file",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command and return its exit status: 0 if all is well, 1 if not, 2 for a wrong call.

    Each command's module has `add_arguments(parser)` and `run(args) -> int`. Only the module asked for is imported, so
    that none waits for the packages of another.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="panda-lartpc", description="Panda for liquid-argon detectors.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    parsers = {name: subparsers.add_parser(name, help=text) for name, text in COMMANDS.items()}
    asked = next((name for name in COMMANDS if name in arguments[:1]), None)
    module = import_module(f"panda_lartpc.commands.{asked}") if asked else None
    if module:
        module.add_arguments(parsers[asked])
    args = parser.parse_args(arguments)  # ends here with the list of commands or an error if none was asked for
    try:
        return module.run(args)
    except (ValueError, OSError) as error:  # what is wrong with the user's files or settings; the rest is our mistake
        print(f"panda-lartpc {args.command}: {error}", file=sys.stderr)
        return 1
