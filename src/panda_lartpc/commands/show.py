"""Write a page that shows events in three dimensions."""

import argparse
from pathlib import Path

from panda_lartpc.commands.sources import open_source, read_event
from panda_lartpc.data.decode import select_points
from panda_lartpc.detector import ENERGY_THRESHOLD_MEV
from panda_lartpc.report.event_display import write_event_page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `panda-lartpc show`."""
    parser.add_argument("path", type=Path, help="PILArNet-M file (.h5, .parquet), raw store or point store (.zarr)")
    parser.add_argument(
        "--event", type=int, action="append", required=True, metavar="N", help="event to show, from 0; may be repeated"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="PAGE.html", help="the page, viewable offline")
    parser.add_argument(
        "--min-energy-mev",
        type=float,
        default=0.0,
        metavar="E",
        help=f"leave out deposits at or below it; training uses {ENERGY_THRESHOLD_MEV} (default: show every deposit)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the page and say where it is; 0 if it was written."""
    source = open_source(args.path)
    events = [read_event(source, i) for i in args.event]
    events = [select_points(event, event.energy_mev > args.min_energy_mev) for event in events]
    note = f"Voxels of 3 mm with more than {args.min_energy_mev:g} MeV." if args.min_energy_mev > 0 else ""
    write_event_page(events, args.output, f"Events of {args.path.name}", note)
    print(f"{args.output}: {', '.join(event.name for event in events)}; open it in a browser")
    return 0
