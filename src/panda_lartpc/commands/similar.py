"""Find events or particles like a given one among those that a study has embedded."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from panda_lartpc.data.embeddings import read_embeddings
from panda_lartpc.detector import SPECIES
from panda_lartpc.evaluation.retrieval import topology_words
from panda_lartpc.report.event_display import write_event_page
from panda_lartpc.report.similar import Stores, similar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `panda-lartpc similar`."""
    parser.add_argument("embeddings", type=Path, help="folder results/<study>/embedding/<encoder>/seed-<s>")
    parser.add_argument("event", help="name of an embedded event, such as test-00000_7")
    parser.add_argument("--particle", type=int, metavar="P", help="ask for particles like this one of the event")
    parser.add_argument("--neighbours", type=int, default=10, metavar="K", help="how many (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="PAGE.html", help="also write a page with their displays")


def run(args: argparse.Namespace) -> int:
    """Print the nearest training events or particles; 0 if there are."""
    kind = "events" if args.particle is None else "particles"
    embeddings = read_embeddings(args.embeddings / f"{kind}.parquet")
    found = similar(embeddings, _row(embeddings.labels, args), args.neighbours)
    print("\n".join(describe(found)))
    if args.output:
        points = args.embeddings.absolute().parents[2] / "points"
        stores = Stores.open({split: points / f"{split}.zarr" for split in ("train", "test")}, embeddings.labels)
        write_event_page(stores.events([args.event, *found.name]), args.output, f"Events like {args.event}")
        print(f"{args.output}: {args.event} and these; open it in a browser")
    return 0


def describe(found: pd.DataFrame) -> list[str]:
    """The nearest rows as lines of text, with a heading."""
    shown = pd.DataFrame({"distance": found.distance.map("{:.3f}".format), "name": found["name"]})
    shown["number"] = found.split + " " + found.event.astype(str)
    if "particle" in found:
        shown["particle"] = found.particle
        shown["species"] = [SPECIES[species] for species in found.species]
    else:
        shown["topology"] = [topology_words(topology) for topology in found.topology]
    shown["points"], shown["MeV"] = found.n_points, found.energy_mev.round(1)
    return shown.to_string(index=False).splitlines()


def _row(labels: pd.DataFrame, args: argparse.Namespace) -> int:
    """Row of the event, or particle, that is asked about."""
    own = (labels.name == args.event).to_numpy()
    if not own.any():
        raise ValueError(
            f"{args.embeddings}: has no event {args.event!r}, or no particle of it with enough points; it holds "
            f"those of {labels.name.nunique():,}, such as {labels.name.iloc[-1]}. Raise embedding.index_events or "
            "embedding.test_events for more"
        )
    if args.particle is not None:
        particles = labels.particle[own].tolist()
        own = own & (labels.particle == args.particle).to_numpy()
        if not own.any():
            raise ValueError(f"{args.event} has no embedded particle {args.particle}; it has {particles}")
    return int(np.argmax(own))
