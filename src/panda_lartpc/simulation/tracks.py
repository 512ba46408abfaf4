"""What transport takes and gives: the tracks of many events stacked in one table, and their energy deposits."""

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Process(IntEnum):
    """How a track came to be."""

    PRIMARY = 0
    DECAY = 1
    COMPTON = 2
    PHOTOELECTRIC = 3
    CONVERSION = 4  # pair production by a photon
    BREMSSTRAHLUNG = 5
    IONISATION = 6  # delta electrons of any charged parent
    ANNIHILATION = 7
    CAPTURE = 8  # of a stopped negative particle, or of a neutron
    HADRONIC = 9


@dataclass(frozen=True, eq=False)
class Tracks:
    """T particles of one or more events. A track's row is its id; parents come before their children.

    event          (T,) int32, row of its event
    interaction    (T,) int32, id within the event; children inherit it
    parent         (T,) int32, row of its parent in this table, -1 for primaries
    pdg            (T,) int32, PDG code; Ar-39 recoils and other nuclei have codes above 1e9
    process        (T,) int8, Process
    kinetic_mev    (T,) float64, kinetic energy at creation
    direction      (T, 3) float64, unit vector at creation
    position_mm    (T, 3) float64, where it was created, from the corner of the box
    time_ns        (T,) float64
    """

    event: NDArray[np.int32]
    interaction: NDArray[np.int32]
    parent: NDArray[np.int32]
    pdg: NDArray[np.int32]
    process: NDArray[np.int8]
    kinetic_mev: NDArray[np.float64]
    direction: NDArray[np.float64]
    position_mm: NDArray[np.float64]
    time_ns: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.event)

    def take(self, rows: NDArray) -> "Tracks":
        """Rows of the table, with parents as they were."""
        return Tracks(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, eq=False)
class Deposits:
    """D straight steps that left energy. A local deposit has start == end.

    track       (D,) int32, row of its track
    start_mm    (D, 3) float64, end_mm (D, 3) float64, from the corner of the box
    energy_mev  (D,) float64, > 0, ionisation along the step
    time_ns     (D,) float64
    """

    track: NDArray[np.int32]
    start_mm: NDArray[np.float64]
    end_mm: NDArray[np.float64]
    energy_mev: NDArray[np.float64]
    time_ns: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.track)
