"""Figures of the check of the simulation: what was simulated, with its uncertainty, beside published values."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import gamma

from panda_lartpc.detector import MOTIFS
from panda_lartpc.report.style import BLUE, GREEN, GREY, MATPLOTLIB_STYLE, MOTIF_COLOURS, ORANGE, VERMILION
from panda_lartpc.simulation.validation import (
    DELTA_RATES,
    MOLIERE_RADIUS_CM,
    PHOTON_PATHS_CM,
    RANGES,
    SHARES,
    SHOWER_MEV,
    SHOWER_PEAK,
    STOPPING_POWERS,
    PhysicsSamples,
)
from panda_lartpc.simulation.validation_events import EventSample, event_table, voxel_table
from panda_lartpc.simulation.validation_physics import MICHEL_END_MEV, Estimate, michel_density

COLOURS = {"muon": ORANGE, "pion": GREEN, "proton": VERMILION, "electron": BLUE}
REFERENCE = {"color": "black", "linewidth": 1.0}
# 5, 25, 50, 75, 95 % quantiles of the energies of voxels above 0.13 MeV, in MeV: PILArNet-M event 7675, edep-sim sample
VOXEL_QUANTILES = {
    "muon": ((0.22, 0.48, 0.55, 0.65, 0.99), (0.17, 0.30, 0.50, 0.59, 0.73)),
    "pion": ((0.15, 0.28, 0.47, 0.63, 0.89), (0.17, 0.31, 0.50, 0.60, 0.79)),
    "electron": ((0.16, 0.31, 0.51, 0.75, 1.39), (0.17, 0.29, 0.48, 0.69, 1.22)),
    "LED": ((0.14, 0.18, 0.29, 0.53, 1.03),),
}


def draw_figures(samples: PhysicsSamples, events: EventSample) -> dict[str, Figure]:
    """All figures, by caption, in the order of the page. The caller closes them."""
    drawings: dict[str, Callable[[Axes], None]] = {
        "Range of particles that only ionise and scatter, over the CSDA range": lambda axes: _ranges(axes, samples),
        "Mean energy loss towards the end of a track": lambda axes: _losses(axes, samples),
        "Energy of positrons from stopped muons": lambda axes: _michel(axes, samples),
        "Mean free path of photons": lambda axes: _photons(axes, samples),
        "Electron showers along their axis": lambda axes: _longitudinal(axes, samples),
        "Electron showers across their axis": lambda axes: _radial(axes, samples),
        "Electrons knocked out by a 1 GeV muon": lambda axes: _deltas(axes, samples),
        "Energies of voxels above 0.13 MeV: 5, 25, 50, 75 and 95 % quantiles": lambda axes: _voxels(axes, events),
        "Points per event": lambda axes: _sizes(axes, events),
        "Shares of points above 0.13 MeV": lambda axes: _shares(axes, events),
    }
    figures = {}
    with plt.rc_context(MATPLOTLIB_STYLE):
        for caption, draw in drawings.items():
            figures[caption], axes = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
            draw(axes)
    return figures


def _points(axes: Axes, x, estimates: list[Estimate], scale=1.0, **look) -> None:
    y, error = (np.array([getattr(e, name) for e in estimates]) / scale for name in ("value", "error"))
    axes.errorbar(x, y, error, fmt="o", markersize=3.5, capsize=2, **look)


def _ranges(axes: Axes, samples: PhysicsSamples) -> None:
    axes.axhspan(0.98, 1.02, color="#EEEEEE", label="± 2 %")
    axes.axhline(1, **REFERENCE)
    for shift, particle in ((0.97, "muon"), (1.0, "pion"), (1.03, "proton")):  # so that error bars do not hide others
        keys = [key for key in RANGES if key[0] == particle]
        scale = np.array([RANGES[key] for key in keys])
        energies = shift * np.array([key[1] for key in keys])
        _points(axes, energies, [samples.ranges[key] for key in keys], scale, color=COLOURS[particle], label=particle)
    axes.set(xscale="log", xlabel="kinetic energy (MeV)", ylabel="simulated / CSDA range", ylim=(0.95, 1.05))
    axes.set_xticks([50, 100, 200, 300], ["50", "100", "200", "300"])
    axes.minorticks_off()
    axes.legend(ncols=2)


def _losses(axes: Axes, samples: PhysicsSamples) -> None:
    for particle, (edges, mean, error) in samples.losses.items():
        colour = COLOURS[particle]
        axes.errorbar(
            np.sqrt(edges[1:] * edges[:-1]), mean, error, fmt="o", markersize=3.5, color=colour, label=particle
        )
        residual, expected = STOPPING_POWERS[particle]
        axes.plot(residual, expected, marker="_", **REFERENCE, label="CSDA tables" if particle == "proton" else None)
    axes.set(xscale="log", yscale="log", xlabel="residual range (cm)", ylabel="dE/dx (MeV/cm)")
    axes.set_yticks([2, 3, 5, 10, 20], ["2", "3", "5", "10", "20"])
    axes.minorticks_off()
    axes.legend()


def _michel(axes: Axes, samples: PhysicsSamples) -> None:
    edges = np.linspace(0, MICHEL_END_MEV, 22)
    count, _ = np.histogram(samples.michel_mev, edges)
    middle, scale = (edges[1:] + edges[:-1]) / 2, len(samples.michel_mev) * np.diff(edges)
    axes.errorbar(middle, count / scale, np.sqrt(count) / scale, fmt="o", markersize=3.5, color=BLUE, label="simulated")
    energy = np.linspace(0, MICHEL_END_MEV, 200)
    axes.plot(energy, michel_density(energy), **REFERENCE, label="2x²(3 − 2x)")
    axes.set(xlabel="total energy (MeV)", ylabel="share per MeV", ylim=(0, None))
    axes.legend(loc="upper left")


def _photons(axes: Axes, samples: PhysicsSamples) -> None:
    energies = list(PHOTON_PATHS_CM)
    _points(axes, energies, [samples.photons[mev] for mev in energies], color=BLUE, label="simulated")
    axes.plot(energies, list(PHOTON_PATHS_CM.values()), marker="_", **REFERENCE, label="Geant4 tables")
    axes.set(xscale="log", xlabel="photon energy (MeV)", ylabel="mean free path (cm)", ylim=(0, None))
    axes.legend()


def _longitudinal(axes: Axes, samples: PhysicsSamples) -> None:
    showers = samples.showers
    axes.errorbar(
        showers.depth, showers.longitudinal, showers.longitudinal_error, fmt="o", markersize=3.5, color=BLUE,
        label=f"simulated, {SHOWER_MEV:.0f} MeV",
    )  # fmt: skip
    depth = np.linspace(0, 12, 200)
    shape = 1 + 0.5 * SHOWER_PEAK
    axes.plot(depth, gamma.pdf(depth, shape, scale=2), **REFERENCE, label="gamma distribution, b ≈ 0.5 (PDG)")
    axes.set(xlabel="depth (radiation lengths of 14 cm)", ylabel="share of energy per radiation length", xlim=(0, 12))
    axes.legend()


def _radial(axes: Axes, samples: PhysicsSamples) -> None:
    showers = samples.showers
    axes.errorbar(
        showers.radius_cm, showers.contained, showers.contained_error, fmt="o-", markersize=3.5, color=BLUE,
        label=f"simulated, {SHOWER_MEV:.0f} MeV",
    )  # fmt: skip
    axes.plot(
        [MOLIERE_RADIUS_CM], [0.9], "D", color="black", markersize=5, label="90 % within the Molière radius (PDG)"
    )
    axes.set(xlabel="distance from the axis (cm)", ylabel="share of energy within", ylim=(0, 1.02), xlim=(0, 31))
    axes.legend(loc="lower right")


def _deltas(axes: Axes, samples: PhysicsSamples) -> None:
    thresholds = list(DELTA_RATES)
    _points(axes, thresholds, [samples.deltas[t] for t in thresholds], color=BLUE, label="simulated")
    axes.plot(thresholds, list(DELTA_RATES.values()), marker="_", **REFERENCE, label="PDG formula")
    axes.set(xscale="log", yscale="log", xlabel="threshold (MeV)", ylabel="electrons per metre above threshold")
    axes.set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    axes.minorticks_off()
    axes.legend()


def _voxels(axes: Axes, events: EventSample) -> None:
    table = voxel_table(events)
    shift = {"simulated": (0.22, BLUE), "PILArNet-M event 7675": (0.0, "black"), "edep-sim sample": (-0.22, GREY)}
    for row, (kind, references) in enumerate(VOXEL_QUANTILES.items()):
        measured = tuple(table.loc[kind, ["q05", "q25", "q50", "q75", "q95"]])
        for (name, (up, colour)), q in zip(shift.items(), (measured, *references), strict=False):
            y = len(VOXEL_QUANTILES) - row + up
            axes.plot([q[0], q[4]], [y, y], color=colour, linewidth=1, label=name if row == 0 else None)
            axes.plot([q[1], q[3]], [y, y], color=colour, linewidth=5, solid_capstyle="butt")
            axes.plot(q[2], y, "o", color="white", markeredgecolor=colour, markersize=4.5)
    axes.set(xscale="log", xlabel="energy (MeV)", ylim=(0.5, len(VOXEL_QUANTILES) + 1.5))
    axes.set_xticks([0.13, 0.25, 0.5, 1], ["0.13", "0.25", "0.5", "1"])
    axes.minorticks_off()
    axes.set_yticks(range(len(VOXEL_QUANTILES), 0, -1), list(VOXEL_QUANTILES))
    axes.legend(ncols=2, loc="upper left", fontsize=7)


def _sizes(axes: Axes, events: EventSample) -> None:
    sizes = event_table(events)
    edges = np.linspace(0, max(12_000, sizes.before.max()), 25)
    for column, colour, name in (("before", BLUE, "all"), ("after", ORANGE, "above 0.13 MeV")):
        count, _ = np.histogram(sizes[column], edges)
        axes.stairs(count, edges, color=colour, linewidth=1.5, label=f"{name}, mean {sizes[column].mean():,.0f}")
        middle = (edges[1:] + edges[:-1]) / 2
        axes.errorbar(middle, count, np.sqrt(count), fmt="none", ecolor=colour, elinewidth=0.8)
    axes.axvline(4300, linestyle="--", **REFERENCE, label="PILArNet-M, all: mean 4,300")
    axes.set(xlabel="points", ylabel=f"events per {edges[1]:,.0f} points", ylim=(0, None))
    axes.legend()


def _shares(axes: Axes, events: EventSample) -> None:
    counts = event_table(events)[list(MOTIFS)].to_numpy()
    share = counts.sum(0) / max(counts.sum(), 1)
    # error of a ratio of sums, from the scatter of events
    residual = counts - share * counts.sum(1, keepdims=True)
    error = np.sqrt((residual**2).sum(0)) / max(counts.sum(), 1)
    x = np.arange(len(MOTIFS))
    axes.bar(x, share, 0.6, color=[MOTIF_COLOURS[name] for name in MOTIFS])
    axes.errorbar(x, share, error, fmt="none", ecolor="#444444", capsize=3)
    label = "order of magnitude in PILArNet-M"
    axes.plot(x, [SHARES[name] for name in MOTIFS], "_", color="black", markersize=26, label=label)
    axes.set(yscale="log", ylabel="share of points", ylim=(1e-3, 1.5))
    axes.set_xticks(x, MOTIFS)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper right")
