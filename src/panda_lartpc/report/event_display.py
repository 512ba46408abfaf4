"""Events in three dimensions, as one HTML page that needs no network."""

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panda_lartpc.data.events import Event
from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.provenance import atomic_path
from panda_lartpc.report.event_page import event_page
from panda_lartpc.report.style import ENERGY_SCALE, GREY, MOTIF_COLOURS, SPECIES_COLOURS, instance_colour

COLOURS = ("energy", "motif", "species", "particle", "interaction")


def write_event_page(
    events: Sequence[Event],
    path: Path,
    title: str,
    note: str = "",
    *,
    colours: Sequence[str] = COLOURS,
    colour: str = "energy",
) -> None:
    """Write one self-contained page that shows events point by point (ours).

    Points stand at the centres of their voxels, in cm, coloured by energy, motif, species, particle or interaction.
    `page.html#event=NAME&colour=motif&view=all` opens it in that state. The same events give the same bytes.

    events   shown in this order, chosen from a list
    path     the page; written under a temporary name first
    title    heading of the page, e.g. the study
    note     a line below it, e.g. where the events come from
    colours  of COLOURS, what points can be coloured by; the others of an event are not told
    colour   of them, the one that the page opens with

    Raises ValueError if there is no event, an event has no points, or two share a name.
    """
    _check(events)
    page = event_page(_contents(events) | {"colours": list(colours), "colour": colour}, title, note)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _check(events: Sequence[Event]) -> None:
    if not events:
        raise ValueError("an event page needs at least one event, got none; choose events that the file holds")
    names = [event.name for event in events]
    if len(set(names)) < len(names):
        raise ValueError(f"an event page needs different events, got {names}; name each event once")
    for event in events:
        if len(event) == 0:
            raise ValueError(f"{event.name}: no points to show; choose another event or lower data.min_energy_mev")


def _contents(events: Sequence[Event]) -> dict:
    """What the page's script draws; columns as base64 of little-endian arrays, once an event."""
    energy = np.concatenate([event.energy_mev for event in events])
    low, high = np.quantile(energy, [0.01, 0.99])
    position = np.concatenate([event.position_vox for event in events])
    n_instances = max(int(max(event.particle.max(), event.interaction.max())) for event in events) + 1
    return {
        "pitch_cm": VOXEL_PITCH_MM / 10,
        "box_vox": [position.min(axis=0).tolist(), (position.max(axis=0) + 1).tolist()],  # edges of all voxels
        "energy_range": [float(low), float(max(high, 1.01 * low))],  # one colour bar for all events of the page
        "energy_scale": [[i / (len(ENERGY_SCALE) - 1), colour] for i, colour in enumerate(ENERGY_SCALE)],
        "motif": [{"name": name, "colour": colour} for name, colour in MOTIF_COLOURS.items()],
        "species": [{"name": name, "colour": colour} for name, colour in SPECIES_COLOURS.items()],
        "instances": [instance_colour(instance) for instance in range(n_instances)],
        "grey": GREY,
        "events": [_event(event) for event in events],
    }


def _event(event: Event) -> dict:
    momentum = event.particles.momentum_gev
    return {
        "name": event.name,
        "position": _base64(event.position_vox, "<f4"),
        "energy": _base64(event.energy_mev, "<f4"),
        "motif": _base64(event.motif, "i1"),
        "species": _base64(event.species, "i1"),
        "particle": _base64(event.particle, "<i4"),
        "interaction": _base64(event.interaction, "<i4"),
        "kind": event.particles.species.tolist(),
        "momentum": [None if np.isnan(value) else float(value) for value in momentum],  # GeV/c
    }


def _base64(values: NDArray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")
