"""Say in plain text what a data file or store holds."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from panda_lartpc.commands.sources import Source, check_number, open_source, read_event
from panda_lartpc.data.columns import Columns
from panda_lartpc.data.events import CLUSTER_COLUMNS, Event, RawEvent
from panda_lartpc.data.index import KEPT
from panda_lartpc.data.pilarnet import PilarnetFile
from panda_lartpc.data.raw_store import TABLE_COLUMNS, RawStore
from panda_lartpc.data.store import PointStore
from panda_lartpc.detector import MOTIFS, SPECIES

PRIMARY = ("primary", "Michel", "delta", "secondary", "not told")  # by data.events.Particles.primary, -1 last


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `panda-lartpc inspect`."""
    parser.add_argument(
        "path", type=Path, help="PILArNet-M file (.h5, .parquet), raw or point store (.zarr), or event index (.parquet)"
    )
    parser.add_argument("--event", type=int, metavar="N", help="also tell clusters and particles of this event, from 0")


def run(args: argparse.Namespace) -> int:
    """Print the description; 0 if the path could be read."""
    if args.path.is_file() and args.path.suffix == ".parquet" and "status" in pq.read_schema(args.path).names:
        lines = describe_index(args.path, args.event)
    else:
        source = open_source(args.path)
        lines = describe_source(source)
        if args.event is not None:
            lines += ["", *describe_event(source, args.event)]
    print("\n".join(lines))
    return 0


def describe_source(source: Source) -> list[str]:
    """Kind, revision, counts, columns and provenance of a file or store, as lines of text."""
    match source:
        case PilarnetFile():
            lines = [f"{source.path}: PILArNet-M file", _field("revision", source.revision)]
            return lines + _counts(len(source), source.points_file()) + _tables(source.raw_event(0))
        case RawStore():
            kind, written = "raw store (every deposit)", ("revision", "source", "points_file", "skipped", "software")
        case PointStore():
            kind, written = "point store (above threshold)", ("split", "settings", "raw_stores", "software")
    lines = [f"{source.path}: {kind}", *_counts(len(source), source.n_points)]
    lines += [_field(name, source.attributes[name]) for name in written if name in source.attributes]
    columns = Columns(source.path)
    names = columns.attributes["columns"]
    return [*lines, "columns", *(_field(f"  {name}", f"{columns.rows(name):,} rows") for name in names)]


def describe_index(path: Path, event: int | None) -> list[str]:
    """Counts by status, contents and columns of an event index, and one of its kept events."""
    table = pd.read_parquet(path)
    lines = [f"{path}: event index", _field("events", f"{len(table):,}")]
    lines += [_field(f"  {status}", f"{count:,}") for status, count in table.status.value_counts().items()]
    kept = table[table.status == KEPT]
    sums = kept.drop(columns=["event", "source_row"]).select_dtypes("number").sum()
    lines += ["sums over kept events", *(_field(f"  {name}", f"{value:,.0f}") for name, value in sums.items())]
    if event is not None:
        found = kept[kept.event == event]
        if found.empty:
            raise ValueError(f"{path}: event {event} asked for, but it lists kept events 0 to {len(kept) - 1}")
        lines += ["", f"event {event}", *(_field(f"  {name}", value) for name, value in found.iloc[0].items())]
    return lines


def describe_event(source: Source, i: int) -> list[str]:
    """Name, energy, clusters (as the file has them) and particles of one event, as lines of text."""
    check_number(source, i)
    lines = []
    if not isinstance(source, PointStore):
        lines = ["clusters, as stored", *_clusters(source.raw_event(i)), ""]
    event = read_event(source, i)
    head = [
        f"event {i}: {event.name}",
        _field("points", f"{len(event):,}"),
        _field("energy", f"{event.energy_mev.sum(dtype=np.float64):,.1f} MeV"),
        *(_field(f"  {MOTIFS[m]}", f"{(event.motif == m).sum():,} points") for m in np.unique(event.motif)),
    ]
    return [*head, "", *lines, "particles", *_particles(event)]


def _field(name: str, value: object) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{key}: {entry}" for key, entry in value.items()) or "none"
    return f"{name:<22}{value}"


def _counts(n_events: int, n_points: np.ndarray | None) -> list[str]:
    if n_points is None:
        told = "not counted: no _points.npy beside the file"
    elif n_events == 0:
        told = "0"
    else:
        told = (
            f"{n_points.sum():,}, {n_points.min():,} to {n_points.max():,} an event, median {np.median(n_points):,.0f}"
        )
    return [_field("events", f"{n_events:,}"), _field("points", told)]


def _tables(event: RawEvent) -> list[str]:
    lines = ["tables and their columns"]
    for name, columns in TABLE_COLUMNS.items():
        table = getattr(event, name)
        if table is not None:
            lines.append(_field(f"  {name}", f"{table.dtype}: {', '.join(columns[: table.shape[1]])}"))
    return lines


def _clusters(event: RawEvent) -> list[str]:
    table = pd.DataFrame(event.cluster, columns=list(CLUSTER_COLUMNS[: event.cluster.shape[1]]))
    cluster = np.repeat(np.arange(len(table)), table.n_points)
    table["energy_mev"] = np.bincount(cluster, event.point[:, 3], len(table)).round(2)
    return _text(table)


def _particles(event: Event) -> list[str]:
    told = event.particles
    own = event.particle >= 0
    table = pd.DataFrame(
        {
            "particle": np.arange(len(told)),
            "species": [SPECIES[species] for species in told.species],
            "interaction": told.interaction,
            "origin": [PRIMARY[kind] for kind in told.primary],
            "points": np.bincount(event.particle[own], minlength=len(told)),
            "energy_mev": np.bincount(event.particle[own], event.energy_mev[own], len(told)).round(2),
            "momentum_gev": told.momentum_gev.astype(np.float64).round(4),
            "mass_mev": told.mass_mev.astype(np.float64).round(3),
        }
    )
    return _text(table)


def _text(table: pd.DataFrame) -> list[str]:
    return ["  none"] if table.empty else table.to_string(index=False, na_rep="-").splitlines()
