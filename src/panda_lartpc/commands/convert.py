"""Turn energy segments of edep-sim or larnd-sim into a PILArNet-M file that the workflow ingests."""

import argparse
from pathlib import Path

from panda_lartpc.data.pilarnet import write_pilarnet
from panda_lartpc.data.segments import read_segments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `panda-lartpc convert`."""
    parser.add_argument("segments", type=Path, help="HDF5 file with a table `segments`, as larnd-sim dumps edep-sim")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE.h5", help="file to write, e.g. train/mine.h5"
    )
    parser.add_argument(
        "--origin-cm",
        type=float,
        nargs=3,
        metavar=("X", "Y", "Z"),
        help="where voxel (0, 0, 0) begins, in the frame of the file (default: the file's events are centred)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the file and say what it holds; 0 if it was written."""
    if args.output.suffix != ".h5":
        raise ValueError(f"{args.output}: expected a name that ends in .h5; the readers go by the ending")
    n_points = write_pilarnet(args.output, read_segments(args.segments, args.origin_cm))
    print(f"{args.output}: {len(n_points):,} events, {n_points.sum():,} points")
    return 0
