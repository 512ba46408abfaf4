"""Embeddings of points, particles and events by a frozen encoder, for Figure 2 and the retrieval (ours)."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from panda_lartpc.data.embeddings import Embeddings
from panda_lartpc.data.events import Event
from panda_lartpc.data.sampler import plan_in_order
from panda_lartpc.data.store import PointStore
from panda_lartpc.evaluation.embedding import pooled, stratified_sample
from panda_lartpc.evaluation.retrieval import main_topology
from panda_lartpc.geometry.grid import point_features
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.model.weights import load_weights, read_checkpoint
from panda_lartpc.settings.embedding import EmbeddingSettings
from panda_lartpc.settings.model import EncoderSettings, GeometrySettings

log = logging.getLogger(__name__)
ENCODED_AT_ONCE = 20_000  # points of a batch; the result does not depend on it
MIN_PARTICLE_POINTS = 10  # particles with fewer points are not embedded: most are fragments of showers


@dataclass(frozen=True, eq=False)
class StoreEmbeddings:
    """What `embed_stores` makes.

    points     of the test events: a sample, equally many of each motif as far as there are any; (n, C) features
    particles  of both splits, (n, 2 C): mean and spread of the unit features of their points
    events     likewise
    """

    points: Embeddings
    particles: Embeddings
    events: Embeddings


def open_encoder(
    path: Path | str | None, encoder: EncoderSettings, geometry: GeometrySettings, seed: int
) -> tuple[Encoder, GeometrySettings]:
    """An encoder in evaluation mode, on a GPU where there is one, and the geometry that it is used with.

    path               weights in a format of `model.weights`, which tell settings and geometry; None: an untrained
                       encoder
    encoder, geometry  of an untrained one
    seed               of its weights

    Raises FileNotFoundError or ValueError as `read_checkpoint`.
    """
    if path is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Encoder(encoder)
    else:
        weights = read_checkpoint(path)
        network, geometry = Encoder(weights.encoder_settings), weights.trained_with.geometry
        load_weights(network, weights.encoder, source=str(path))
    return network.eval().to("cuda" if torch.cuda.is_available() else "cpu"), geometry


def embed_stores(
    encoder: Encoder, geometry: GeometrySettings, train: PointStore, test: PointStore, settings: EmbeddingSettings
) -> StoreEmbeddings:
    """Embed the first events of a training and a test store.

    encoder  in evaluation mode; its device does the work
    settings how many events of each, how many points are drawn, and the seed of that

    Raises ValueError if the encoder is in training mode.
    """
    if encoder.training:
        raise ValueError("the encoder is in training mode; call its eval() before embed_stores()")
    n_test = min(settings.test_events, len(test))
    drawn = _drawn_points(test, n_test, settings)
    points, particles, events = [], [], []
    for split, store, n_events in (("train", train, settings.index_events), ("test", test, n_test)):
        for number, event, features in _encoded(encoder, geometry, store, min(n_events, len(store))):
            names = {"split": split, "event": number, "name": event.name}
            events.append(_event_row(names, event, features))
            particles.append(_particle_rows(names, event, features))
            if split == "test":
                points.append(_point_rows(names, event, features, drawn[number]))
    log.info("%d events, %d with particles", len(events), len(particles))
    return StoreEmbeddings(*map(_joined, (points, particles, events)))


def _drawn_points(store: PointStore, n_events: int, settings: EmbeddingSettings) -> list[NDArray[np.int64]]:
    """Points of each of the first events of a store that are drawn for Figure 2; the encoder changes nothing of it."""
    motif = np.concatenate([event.motif for event in store.events(0, n_events)])
    rows = stratified_sample(motif, settings.points, np.random.default_rng(settings.seed))
    first = store.offset[:n_events]
    return [part - start for part, start in zip(np.split(rows, np.searchsorted(rows, first[1:])), first, strict=True)]


@torch.no_grad()
def _encoded(
    encoder: Encoder, geometry: GeometrySettings, store: PointStore, n_events: int
) -> Iterator[tuple[int, Event, NDArray[np.float32]]]:
    """Number, event and up-cast features (N, C) of the first events of a store, encoded some at a time."""
    device, n_points = next(encoder.parameters()).device, store.n_points[:n_events]
    with tqdm(total=n_events, unit="event", disable=None) as bar:
        for plan in plan_in_order(n_points, n_events, ENCODED_AT_ONCE):
            events = store.events(plan.first, plan.last)
            position = torch.as_tensor(np.concatenate([event.position_vox for event in events]), device=device)
            energy = torch.as_tensor(np.concatenate([event.energy_mev for event in events]), device=device)
            offset = torch.tensor([0, *map(len, events)], device=device).cumsum(0)
            pyramid = pyramid_of(position, offset, geometry)
            features = pyramid.sort(point_features(position, energy, encoder.settings.coordinates))
            values = pyramid.restore(up_cast(encoder(features, pyramid), pyramid)).float().cpu().numpy()
            parts = np.split(values, offset[1:-1].cpu().numpy())
            yield from zip(range(plan.first, plan.last), events, parts, strict=True)
            bar.update(len(events))


def _event_row(names: dict, event: Event, features: NDArray[np.float32]) -> Embeddings:
    row = names | {
        "topology": main_topology(event.motif, event.species, event.energy_mev),
        "n_points": len(event),
        "energy_mev": float(event.energy_mev.sum(dtype=np.float64)),
    }
    return Embeddings(pd.DataFrame([row]), pooled(features, np.zeros(len(event), np.int64), 1))


def _particle_rows(names: dict, event: Event, features: NDArray[np.float32]) -> Embeddings:
    own, n_particles = event.particle >= 0, len(event.particles)
    n_points = np.bincount(event.particle[own], minlength=n_particles)
    rows = pd.DataFrame(
        {
            "particle": np.arange(n_particles),
            "species": event.particles.species,
            "n_points": n_points,
            "energy_mev": np.bincount(event.particle[own], event.energy_mev[own], n_particles),
        }
    ).assign(**names)
    kept = n_points >= MIN_PARTICLE_POINTS
    return Embeddings(rows[kept], pooled(features, event.particle, n_particles)[kept])


def _point_rows(names: dict, event: Event, features: NDArray[np.float32], points: NDArray[np.int64]) -> Embeddings:
    columns = {name: getattr(event, name)[points] for name in ("motif", "species", "particle", "energy_mev")}
    return Embeddings(pd.DataFrame({"point": points, **columns}).assign(**names), features[points])


def _joined(parts: list[Embeddings]) -> Embeddings:
    labels = pd.concat([part.labels for part in parts], ignore_index=True)
    return Embeddings(labels, np.concatenate([part.embedding for part in parts]))
