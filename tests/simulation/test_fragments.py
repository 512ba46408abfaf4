"""Supera's merging rules, one hand-made event per rule."""

import numpy as np
import pytest

from panda_lartpc.detector import DELTA, LED, MICHEL, SHOWER, TRACK
from panda_lartpc.simulation.fragments import build_fragments, first_motif
from panda_lartpc.simulation.tracks import Process
from panda_lartpc.simulation.voxels import sum_in_voxels
from simulation.hand_made import N, line, make_deposits, make_tracks

MUON = {}
DELTA_OF_MUON = {"pdg": 11, "process": Process.IONISATION, "parent": 0}


def fragments_of(rows: list[dict], cells: list) -> tuple[list[int], list[int]]:
    """Heads and motifs of hand-made tracks."""
    tracks = make_tracks(*rows)
    fragments = build_fragments(tracks, sum_in_voxels(make_deposits(cells), tracks, N), N)
    return fragments.head.tolist(), fragments.motif.tolist()


@pytest.mark.parametrize(
    ("parent", "track", "motif"),
    [
        ({}, {"pdg": 11, "process": Process.PRIMARY, "parent": -1}, SHOWER),
        ({}, {"pdg": 22, "process": Process.PRIMARY, "parent": -1}, SHOWER),
        ({}, {"pdg": -211, "process": Process.PRIMARY, "parent": -1}, TRACK),
        ({}, {"pdg": 2212, "process": Process.HADRONIC}, TRACK),
        ({}, {"pdg": 2112, "process": Process.HADRONIC}, LED),
        ({}, {"pdg": 1000180400, "process": Process.HADRONIC}, LED),
        ({"pdg": -13}, {"pdg": -11, "process": Process.DECAY}, MICHEL),
        ({"pdg": 13}, {"pdg": 11, "process": Process.DECAY}, MICHEL),
        ({"pdg": 211}, {"pdg": -11, "process": Process.DECAY}, SHOWER),
        ({"pdg": 13}, {"pdg": 11, "process": Process.DECAY, "position_mm": (-1.0, 5.0, 5.0)}, SHOWER),
        ({"pdg": 2212}, {"pdg": 11, "process": Process.IONISATION}, DELTA),
        ({"pdg": 11}, {"pdg": 11, "process": Process.IONISATION}, LED),
        ({"pdg": 22}, {"pdg": 11, "process": Process.PHOTOELECTRIC}, LED),
        ({"pdg": 22}, {"pdg": 11, "process": Process.COMPTON}, SHOWER),
    ],
)
def test_creation_decides_the_first_motif(parent, track, motif):
    assert first_motif(make_tracks(parent, {"parent": 0} | track), N)[1] == motif


def test_a_pair_belongs_to_its_photon_even_across_a_gap():
    photon = {"pdg": 22}
    pair = [{"pdg": pdg, "process": Process.CONVERSION, "parent": 0} for pdg in (11, -11)]
    heads, motifs = fragments_of([photon, *pair], line(1, (5, 5, 5), 12) + line(2, (5, 20, 5), 12))
    assert heads == [0, 0, 0]
    assert motifs == [SHOWER] * 3


def test_a_delta_needs_three_voxels():
    muon = line(0, (5, 5, 5), 20)
    heads, motifs = fragments_of([MUON, DELTA_OF_MUON], muon + line(1, (10, 6, 5), 2, axis=1))
    assert (heads, motifs) == ([0, 0], [TRACK, TRACK]), "two voxels: a deposit that touches the muon, hence its part"
    heads, motifs = fragments_of([MUON, DELTA_OF_MUON], muon + line(1, (10, 6, 5), 3, axis=1))
    assert (heads, motifs) == ([0, 1], [TRACK, DELTA])


def test_a_delta_inside_its_parent_belongs_to_the_parent():
    shared = line(1, (8, 5, 5), 5, energy=0.1)
    heads, _ = fragments_of([MUON, DELTA_OF_MUON], line(0, (5, 5, 5), 20) + shared + line(1, (13, 6, 5), 2, axis=1))
    assert heads == [0, 0]
    heads, _ = fragments_of([MUON, DELTA_OF_MUON], line(0, (5, 5, 5), 20) + shared + line(1, (13, 6, 5), 3, axis=1))
    assert heads == [0, 1]


def test_a_lone_compton_electron_is_a_deposit_below_ten_voxels_and_a_shower_from_ten_on():
    photon, electron = {"pdg": 22}, {"pdg": 11, "process": Process.COMPTON, "parent": 0}
    assert fragments_of([photon, electron], line(1, (5, 5, 5), 9))[1][1] == LED
    assert fragments_of([photon, electron], line(1, (5, 5, 5), 10))[1][1] == SHOWER


def test_a_touching_deposit_joins_shower_before_track():
    compton = {"pdg": 11, "process": Process.COMPTON, "parent": 1, "interaction": 1}
    electron, photon = {"pdg": 11, "interaction": 1}, {"pdg": 22, "interaction": 1}
    cells = line(0, (5, 5, 5), 20) + line(2, (5, 7, 5), 20) + line(3, (10, 6, 5), 2)
    heads, motifs = fragments_of([MUON, photon, electron, compton], cells)
    assert heads == [0, 1, 2, 2]
    assert motifs[3] == SHOWER


def test_a_touching_deposit_joins_the_larger_of_two_tracks():
    compton = {"pdg": 11, "process": Process.COMPTON, "parent": 2}
    cells = line(0, (5, 5, 5), 20) + line(1, (5, 7, 5), 30) + line(3, (10, 6, 5), 2)
    assert fragments_of([MUON, MUON, {"pdg": 22}, compton], cells)[0][3] == 1


def test_nuclei_stay_deposits_even_on_a_track():
    nucleus = {"pdg": 1000180400, "process": Process.HADRONIC, "parent": 0}
    heads, motifs = fragments_of([MUON, nucleus], line(0, (5, 5, 5), 20) + line(1, (10, 6, 5), 1))
    assert (heads, motifs) == ([0, 1], [TRACK, LED])


def test_a_proton_of_one_voxel_is_a_deposit_unless_it_is_primary():
    stub = {"pdg": 2212, "process": Process.HADRONIC, "parent": 0}
    cells = line(0, (5, 5, 5), 20) + line(1, (40, 6, 5), 1)
    assert fragments_of([MUON, stub], cells)[1][1] == LED
    assert fragments_of([MUON, {"pdg": 2212}], cells)[1][1] == TRACK


def test_a_bremsstrahlung_shower_joins_its_electron_only_where_it_touches():
    electron, photon = {"pdg": 11}, {"pdg": 22, "process": Process.BREMSSTRAHLUNG, "parent": 0}
    positron = {"pdg": -11, "process": Process.CONVERSION, "parent": 1}
    near = line(0, (5, 5, 5), 20) + line(2, (25, 5, 5), 12)
    far = line(0, (5, 5, 5), 20) + line(2, (27, 5, 5), 12)
    assert fragments_of([electron, photon, positron], near)[0] == [0, 0, 0]
    assert fragments_of([electron, photon, positron], far)[0] == [0, 1, 1]


def test_radiation_that_touches_its_michel_is_part_of_it():
    michel = {"pdg": 11, "process": Process.DECAY, "parent": 0}
    photon = {"pdg": 22, "process": Process.BREMSSTRAHLUNG, "parent": 1}
    pair = {"pdg": 11, "process": Process.CONVERSION, "parent": 2}
    cells = line(0, (5, 5, 5), 20) + line(1, (25, 5, 5), 15)
    heads, motifs = fragments_of([MUON, michel, photon, pair], cells + line(3, (40, 5, 5), 12))
    assert (heads, motifs) == ([0, 1, 1, 1], [TRACK, MICHEL, MICHEL, MICHEL])
    heads, motifs = fragments_of([MUON, michel, photon, pair], cells + line(3, (42, 5, 5), 12))
    assert (heads, motifs) == ([0, 1, 2, 2], [TRACK, MICHEL, SHOWER, SHOWER])


def test_touching_showers_join_within_a_family_only():
    electron, photon = {"pdg": 11}, {"pdg": 22, "process": Process.BREMSSTRAHLUNG, "parent": 0}
    compton = {"pdg": 11, "process": Process.COMPTON, "parent": 1}
    cells = line(0, (5, 5, 5), 20) + line(2, (5, 6, 5), 12) + line(3, (5, 4, 5), 12)
    heads, motifs = fragments_of([electron, photon, compton, {"pdg": 11}], cells)
    assert heads == [0, 1, 0, 3]
    assert motifs[0] == motifs[3] == SHOWER


def test_a_fragment_has_one_motif_and_its_head_is_its_own_head():
    rng = np.random.default_rng(5)
    rows = [{"pdg": 13}, {"pdg": 11}, {"pdg": 22}]
    for _ in range(60):
        process = rng.choice([Process.IONISATION, Process.COMPTON, Process.CONVERSION, Process.PHOTOELECTRIC])
        rows.append({"pdg": 11, "process": process, "parent": int(rng.integers(0, len(rows)))})
    cells = [c for t in range(63) for c in line(t, tuple(rng.integers(0, 40, 3).tolist()), int(rng.integers(1, 16)))]
    heads, motifs = map(np.array, fragments_of(rows, cells))
    assert (heads[heads] == heads).all()
    assert (motifs[heads] == motifs).all()
