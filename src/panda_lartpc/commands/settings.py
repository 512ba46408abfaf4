"""Print the reference page of the configuration, made from the settings themselves."""

import argparse
import textwrap

from panda_lartpc.settings.study import reference_rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `panda-lartpc settings`."""
    parser.add_argument("prefix", nargs="?", default="", help="only keys that start with this, as in `data.`")


def run(args: argparse.Namespace) -> int:
    """Print each key with its default and its allowed values, and below it what it means."""
    rows = [row for row in reference_rows() if row[0].startswith(args.prefix)]
    for key, default, allowed, description in rows:
        print(f"{key}: {default}    [{allowed}]")
        print(textwrap.fill(description, 116, initial_indent="    ", subsequent_indent="    "))
    if not rows:
        print(f"no key starts with {args.prefix!r}; `panda-lartpc settings` lists all")
    return 0 if rows else 1
