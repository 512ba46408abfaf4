"""The simulation beside published values: one row per quantity, with its uncertainty, reference, tolerance and verdict.

Transport is compared with tables of the PDG, of NIST and of Geant4; events with what is known of PILArNet-M and of an
edep-sim (Geant4) sample of mixed particles. Reference values are single numbers, each with its source.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from panda_lartpc.data.events import RawEvent
from panda_lartpc.detector import MOTIFS
from panda_lartpc.simulation.validation_events import EventSample, collect, event_table, led_blob_size, voxel_table
from panda_lartpc.simulation.validation_physics import (
    Estimate,
    Showers,
    delta_rates,
    electron_showers,
    michel_energies,
    photon_depths,
    ranges_cm,
    stopping_power,
)

GROOM = "Groom, Mokhov and Striganov, ADNDT 78 (2001) 183"
PSTAR = "NIST PSTAR"
BETHE = "Bethe formula, CSDA integration"
GEANT4 = "Geant4 electromagnetic tables for liquid argon"
PDG = "PDG Review of Particle Physics, passage of particles through matter"
PILARNET = "PILArNet-M test event 7675 and an edep-sim sample of 60 events, both at 3 mm"
PILARNET_M = "PILArNet-M data card and examples"

# (particle, kinetic energy MeV): range in cm at 1.396 g/cm3, and dE/dx in MeV/cm there
RANGES = {
    ("muon", 50): 10.82, ("muon", 100): 30.44, ("muon", 200): 76.15, ("muon", 300): 123.6,
    ("pion", 50): 9.16, ("pion", 100): 26.91, ("pion", 200): 70.61,
    ("proton", 50): 2.30, ("proton", 100): 7.82, ("proton", 200): 25.98, ("proton", 300): 51.17,
}  # fmt: skip
RANGE_SOURCES = {"muon": GROOM, "pion": BETHE, "proton": PSTAR}
STOPPING_POWERS = {
    "muon": (
        [0.704, 2.379, 4.726, 10.82, 22.09, 30.44, 52.75, 76.15],
        [7.94, 4.89, 3.81, 2.94, 2.47, 2.33, 2.17, 2.12],
    ),
    "proton": ([0.454, 0.928, 2.298, 5.283, 7.822, 15.87], [25.0, 18.2, 12.3, 8.58, 7.28, 5.47]),
}
PHOTON_PATHS_CM = {1: 12.4, 5: 25.7, 10: 29.4, 50: 26.1, 100: 23.5, 500: 19.6}
DELTA_RATES = {0.347: 27.4, 1.0: 9.2, 2.0: 4.4, 5.0: 1.57, 10.0: 0.66}
MICHEL_MEAN_MEV = 36.98
SHOWER_MEV = 500.0
SHOWER_PEAK = 2.22  # ln(500 / 32.84) - 0.5
MOLIERE_RADIUS_CM = 9.04

# Spans of the two references, widened by 15 % on either side: lower and upper limit of each quantity.
VOXEL_SPANS = {
    "muon": {"q25": (0.30, 0.48), "q50": (0.50, 0.55), "q75": (0.59, 0.65), "neighbours": (2.6, 3.3)},
    "pion": {"q25": (0.28, 0.31), "q50": (0.47, 0.50), "q75": (0.60, 0.63), "neighbours": (3.3, 3.5)},
    "electron": {"q25": (0.29, 0.31), "q50": (0.48, 0.51), "q75": (0.69, 0.75), "neighbours": (3.4, 7.0)},
}
VOXEL_WORDS = {"q25": "25 % quantile", "q50": "median", "q75": "75 % quantile", "neighbours": "mean neighbours"}
SURVIVAL = {"muon": 0.834, "pion": 0.843, "proton": 0.905}  # of voxels above 0.01 MeV; same clipping, edep-sim sample
SHARES = {"shower": 0.40, "track": 0.50, "Michel": 0.01, "delta": 0.01, "LED": 0.08}
GROUPS = 10  # events are split into so many groups to see how much a number scatters


@dataclass(frozen=True, eq=False)
class PhysicsSamples:
    """Everything that transport is measured by, for the table and the figures.

    ranges, photons, deltas   estimate by (particle, MeV), by MeV and by threshold in MeV
    losses                    particle → edges of residual range in cm (K + 1,), mean dE/dx (K,), its error (K,)
    michel_mev                (M,) total energies
    showers                   profiles of electrons of SHOWER_MEV
    """

    ranges: dict[tuple[str, int], Estimate]
    losses: dict[str, tuple[NDArray, NDArray, NDArray]]
    michel_mev: NDArray[np.float64]
    photons: dict[int, Estimate]
    showers: Showers
    deltas: dict[float, Estimate]


def measure_physics(n: int, seed: int) -> PhysicsSamples:
    """Transport samples of `n` particles each (photons and muon decays: 3 n), reproducibly from `seed`."""
    rng = np.random.default_rng([seed, 77])  # apart from every batch of events
    edges = {"muon": np.array([0.5, 1, 2, 3, 5, 8, 13, 18, 25, 35, 50, 70, 90]), "proton": np.geomspace(0.4, 20, 11)}
    depths = photon_depths(list(PHOTON_PATHS_CM), 3 * n, rng)
    rates = delta_rates(np.array(list(DELTA_RATES)), n, rng)
    return PhysicsSamples(
        ranges=dict(zip(RANGES, ranges_cm(list(RANGES), n, rng), strict=True)),
        losses={p: (edges[p], *stopping_power(p, 300 if p == "muon" else 200, edges[p], n, rng)) for p in edges},
        michel_mev=michel_energies(3 * n, rng),
        photons={mev: Estimate.mean(d) for mev, d in zip(PHOTON_PATHS_CM, depths, strict=True)},
        showers=electron_showers(SHOWER_MEV, n, rng),
        deltas=dict(zip(DELTA_RATES, rates, strict=True)),
    )


def physics_rows(samples: PhysicsSamples) -> list[dict]:
    """Rows of the table that concern transport."""
    rows = []
    for (particle, mev), reference in RANGES.items():
        name = f"range of {mev} MeV {particle}s"
        rows.append(_row(name, "cm", samples.ranges[particle, mev], reference, 0.02, RANGE_SOURCES[particle]))
    for particle, (residual_cm, expected) in STOPPING_POWERS.items():
        edges, mean, error = samples.losses[particle]
        middle = np.sqrt(edges[1:] * edges[:-1])
        for k in (len(mean) // 2, len(mean) - 1):
            reference = float(np.exp(np.interp(np.log(middle[k]), np.log(residual_cm), np.log(expected))))
            name = f"dE/dx of {particle}s, {edges[k]:.3g}-{edges[k + 1]:.3g} cm before the end"
            estimate = Estimate(float(mean[k]), float(error[k]))
            rows.append(_row(name, "MeV/cm", estimate, reference, 0.03, RANGE_SOURCES[particle]))
    michel = Estimate.mean(samples.michel_mev)
    rows.append(_row("mean energy of Michel positrons", "MeV", michel, MICHEL_MEAN_MEV, 0.01, "2x²(3 - 2x)"))
    for mev, reference in PHOTON_PATHS_CM.items():
        rows.append(_row(f"mean free path of a {mev} MeV photon", "cm", samples.photons[mev], reference, 0.03, GEANT4))
    for threshold, reference in DELTA_RATES.items():
        name = f"electrons above {threshold:g} MeV along a 1 GeV muon"
        rows.append(_row(name, "1/m", samples.deltas[threshold], reference, 0.05, PDG))
    showers = samples.showers
    k = int(np.argmin(np.abs(showers.radius_cm - MOLIERE_RADIUS_CM)))
    inside = Estimate(float(showers.contained[k]), float(showers.contained_error[k]))
    rows.append(_row("shower maximum of a 500 MeV electron", "X0", showers.peak, SHOWER_PEAK, 0.25, PDG))
    rows.append(_row("energy within a Molière radius", "", inside, 0.90, 0.07, PDG + " (rule of thumb)"))
    rows.append(_row("energy accounted for, 500 MeV electron", "", showers.closure, 1.0, 1e-6, "conservation"))
    return rows


def event_rows(sample: EventSample) -> list[dict]:
    """Rows of the table that concern events; sizes and shares have no verdict, they depend on what a study asks for."""
    rows = []
    voxels = _with_scatter(sample, voxel_table)
    for kind, spans in VOXEL_SPANS.items():
        for column, (low, high) in spans.items():
            low, high = 0.85 * low, 1.15 * high
            unit = "" if column == "neighbours" else "MeV"
            words = f"{VOXEL_WORDS[column]} of voxels of {kind}s"
            tolerance = (high - low) / (high + low)
            rows.append(_row(words, unit, voxels[kind, column], (low + high) / 2, tolerance, PILARNET))
    for kind, reference in SURVIVAL.items():
        words = f"share of {kind} voxels above 0.13 MeV"
        rows.append(_row(words, "", voxels[kind, "survival"], reference, 0.03, PILARNET.split(" and an ")[1]))
    blob = _with_scatter(sample, lambda part: pd.DataFrame({"size": {"LED": led_blob_size(part)}}))["LED", "size"]
    rows.append(_row("voxels of a low-energy blob", "", blob, 1.5, 0.15, PILARNET.split(" and an ")[0]))
    sizes = event_table(sample)
    for column, reference in (("before", 4300), ("after", 2000), ("clusters", None)):
        words = {
            "before": "points per event",
            "after": "points above 0.13 MeV per event",
            "clusters": "clusters per event",
        }
        estimate = Estimate.mean(sizes[column].to_numpy()) if len(sizes) > 1 else Estimate(float(sizes[column][0]), 0.0)
        rows.append(_row(words[column], "", estimate, reference, None, PILARNET_M))
    shares = _with_scatter(sample, _motif_shares)
    for motif, reference in SHARES.items():
        rows.append(_row(f"share of {motif} points", "", shares[motif, "share"], reference, None, PILARNET_M))
    return rows


def validation_table(samples: PhysicsSamples, events: Sequence[RawEvent]) -> pd.DataFrame:
    """All rows. Columns quantity, unit, simulated, uncertainty, reference, tolerance, source, passed.

    `tolerance` is half the width of the accepted interval, in the quantity's unit. `passed` is "yes" if simulated and
    reference agree within the tolerance and two standard errors, "no" if not, "" where there is no verdict.
    """
    return pd.DataFrame(physics_rows(samples) + event_rows(collect(events)))


def _row(
    quantity: str, unit: str, estimate: Estimate, reference: float | None, relative: float | None, source: str
) -> dict:
    tolerance = None if relative is None else relative * reference
    passed = ""
    if tolerance is not None and np.isfinite(estimate.value):
        passed = "yes" if abs(estimate.value - reference) <= tolerance + 2 * estimate.error else "no"
    return {
        "quantity": quantity,
        "unit": unit,
        "simulated": estimate.value,
        "uncertainty": estimate.error,
        "reference": np.nan if reference is None else reference,
        "tolerance": np.nan if tolerance is None else tolerance,
        "source": source,
        "passed": passed,
    }


def _with_scatter(sample: EventSample, measure) -> dict[tuple[str, str], Estimate]:
    """Each entry of a table of a sample, its standard error from the same table of GROUPS parts of the events."""
    whole = measure(sample)
    parts = [measure(sample.part(k, GROUPS)) for k in range(GROUPS)] if sample.n_events >= 2 * GROUPS else []
    with np.errstate(invalid="ignore"):
        return {
            (row, column): Estimate(
                float(whole.loc[row, column]),
                float(np.nanstd([part.loc[row, column] for part in parts], ddof=1) / np.sqrt(GROUPS)) if parts else 0.0,
            )
            for row in whole.index
            for column in whole.columns
        }


def _motif_shares(sample: EventSample) -> pd.DataFrame:
    counts = event_table(sample)[list(MOTIFS)].sum()
    return (counts / max(counts.sum(), 1)).to_frame("share")
