"""Single test events as a model sees them: which are shown, and truth and prediction in one form (Figures 11 to 13)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from panda_lartpc.data.events import Event, Particles
from panda_lartpc.data.store import PointStore
from panda_lartpc.detector import MOTIFS, NO_INSTANCE, NO_SPECIES
from panda_lartpc.evaluation import semantic
from panda_lartpc.evaluation.clustering import overlaps

N_WORST = N_RANDOM = 2


@dataclass(frozen=True, eq=False)
class Example:
    """A test event, as it is and as models see it.

    why        `random` or `worst`
    score      of the event, in [0, 1]; ARI may be negative, NaN: it has none
    truth      the event
    predicted  the same points with the motif, species, particle and interaction that models give them; its particles
               and interactions have the numbers of the true ones that they share most points with
    """

    why: str
    score: float
    truth: Event
    predicted: Event


def present_f1(events: pd.DataFrame) -> pd.Series:
    """Macro F1 of each event, over the motifs that it has; `events` as of a semantic run."""
    counts = events[list(semantic.COLUMNS)].to_numpy(np.int64).reshape(-1, len(MOTIFS), len(MOTIFS))
    present = counts.sum(axis=2) > 0
    return pd.Series((semantic.scores(counts).f1 * present).sum(axis=1) / present.sum(axis=1), events.index)


SCORES: dict[str, tuple[str, Callable[[pd.DataFrame], pd.Series]]] = {
    "semantic": ("macro F1", present_f1),
    "particle": ("ARI", lambda events: events["ari"]),
    "interaction": ("ARI", lambda events: events["ari"]),
}


def chosen_events(events: pd.DataFrame, task: str, rng: np.random.Generator) -> pd.DataFrame:
    """Two random and the two worst of a run's test events, or fewer if there are fewer.

    events   that the run left, with columns `event` and `name`
    returns  columns `event`, `name`, `why` and `score`; random ones first, none twice. Events without a score, whose
             ARI is not defined, are no worst ones as long as others are left
    """
    table = events[["event", "name"]].assign(score=SCORES[task][1](events).to_numpy(float))
    worst = table.sort_values("score", kind="stable", na_position="last").head(N_WORST)
    rest = table.drop(worst.index)
    drawn = rest.iloc[np.sort(rng.choice(len(rest), min(N_RANDOM, len(rest)), replace=False))]
    return pd.concat([drawn.assign(why="random"), worst.assign(why="worst")], ignore_index=True)


def read_examples(
    events: pd.DataFrame, task: str, predictions: Path | str, points: Path | str, rng: np.random.Generator
) -> list[Example]:
    """The events of a run that figures show.

    events       that the run left, `events.parquet`
    predictions  table of `tasks.predictions`, whose model for the task is that of the run
    points       point store of the events

    Raises ValueError if there is no event, or run, predictions and points are of different events.
    """
    if events.empty:
        raise ValueError(f"{predictions}: the run has no test events, so there is none to show; expected one or more")
    store = PointStore(points)
    chosen = chosen_events(events, task, rng)
    table = pd.read_parquet(predictions, filters=[("event", "in", chosen.event.tolist())])
    examples = []
    for row in chosen.itertuples():
        truth, own = store.event(row.event), table[table.event == row.event]
        if truth.name != row.name or len(own) != len(truth) or set(own.name) != {truth.name}:
            raise ValueError(
                f"{predictions}: event {row.event} is {sorted(set(own.name))} with {len(own)} points, but the run has "
                f"{row.name} and {points} {truth.name} with {len(truth)}; make the predictions again"
            )
        examples.append(Example(row.why, row.score, truth, predicted_event(truth, own)))
    return examples


def predicted_event(truth: Event, predicted: pd.DataFrame) -> Event:
    """An event as models see it; `predicted` has a row for each of its points, in its order."""
    particle = renamed(truth.particle, predicted["particle"].to_numpy())
    species = predicted["species"].to_numpy().astype(np.int8)
    n_particles = int(particle.max(initial=-1)) + 1
    kind = np.full(n_particles, NO_SPECIES, np.int8)
    kind[particle[particle >= 0]] = species[particle >= 0]  # one for all points of an instance
    return replace(
        truth,
        motif=predicted["motif"].to_numpy().astype(np.int8),
        species=np.where(species < 0, NO_SPECIES, species).astype(np.int8),
        particle=particle,
        interaction=renamed(truth.interaction, predicted["interaction"].to_numpy()),
        particles=_particles(kind),
    )


def renamed(true: NDArray[np.integer], found: NDArray[np.integer]) -> NDArray[np.int32]:
    """Found instances with the numbers of true ones, so that as many points as can be have equal numbers.

    true, found  (N,)  instance of each point, -1: none
    returns      (N,)  found instances; those that no true one is left for have numbers above all true ones
    """
    n_true, n_found = (int(instance.max(initial=-1)) + 1 for instance in (true, found))
    shared = overlaps(true, found, n_true, n_found)[:n_true, :n_found]
    number = np.full(n_found, NO_INSTANCE)
    rows, columns = linear_sum_assignment(shared, maximize=True)
    touching = shared[rows, columns] > 0
    number[columns[touching]] = rows[touching]
    new = number < 0
    number[new] = n_true + np.arange(np.count_nonzero(new))
    return np.where(found < 0, NO_INSTANCE, number[found] if n_found else NO_INSTANCE).astype(np.int32)


def _particles(species: NDArray[np.int8]) -> Particles:
    """Particles of which nothing is known but the species."""
    n = len(species)
    return Particles(
        species=species,
        interaction=np.full(n, NO_INSTANCE, np.int32),
        mass_mev=np.full(n, np.nan, np.float32),
        momentum_gev=np.full(n, np.nan, np.float32),
        direction=np.full((n, 3), np.nan, np.float32),
        vertex_vox=np.full((n, 3), np.nan, np.float32),
        primary=np.full(n, -1, np.int8),
    )
