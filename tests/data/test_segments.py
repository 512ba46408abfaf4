import logging
from pathlib import Path

import h5py
import numpy as np
import pytest

from panda_lartpc.data.checks import check_event
from panda_lartpc.data.decode import decode
from panda_lartpc.data.events import RawEvent
from panda_lartpc.data.pilarnet import BadFile, PilarnetFile, write_pilarnet
from panda_lartpc.data.segments import read_segments
from panda_lartpc.detector import LED, SHOWER, TRACK
from small_events import same_bits

AXES = "xyz"


def segment_table(rows: list[dict], old_names: bool = True, **columns: type) -> np.ndarray:
    """The compound table of larnd-sim from rows of event, track, pdg, start, end, dE and more."""
    ids = ("eventID", "trackID", "pdgId") if old_names else ("event_id", "traj_id", "pdg_id")
    dtype = [(ids[0], "u4"), (ids[1], "u4"), (ids[2], "i4"), ("dE", "f4"), ("dx", "f4"), *columns.items()]
    table = np.zeros(len(rows), dtype + [(f"{axis}_{end}", "f4") for end in ("start", "end") for axis in AXES])
    for i, row in enumerate(rows):
        table[i][ids[0]], table[i][ids[1]], table[i][ids[2]] = row["event"], row["track"], row["pdg"]
        table[i]["dE"] = row["dE"]
        table[i]["dx"] = np.linalg.norm(np.subtract(row["end"], row["start"]))
        for end in ("start", "end"):
            for axis, value in zip(AXES, row[end], strict=True):
                table[i][f"{axis}_{end}"] = value
        for name in columns:
            table[i][name] = row[name]
    return table


def write(path: Path, segments: np.ndarray, **tables: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, table in {"segments": segments, **tables}.items():
            file[name] = table
    return path


def line(event: int, track: int, pdg: int, start: tuple, end: tuple, dE: float, **more: float) -> dict:
    return {"event": event, "track": track, "pdg": pdg, "start": start, "end": end, "dE": dE, **more}


def test_a_segment_is_shared_among_its_voxels_by_length_with_all_columns(tmp_path):
    row = line(4, 7, 13, (0.1, 0.15, 0.15), (0.8, 0.15, 0.15), dE=1.4, t0_start=0.002, n_electrons=700)
    path = write(tmp_path / "mu.h5", segment_table([row], t0_start="f8", n_electrons="u4"))
    (event,) = read_segments(path, origin_cm=(0, 0, 0))
    assert event.name == "mu_0"
    # 2, 3 and 2 mm of 7 mm; 0.002 microseconds are 2 ns
    expected = [[0, 0, 0, 0.4, 0.4, 2, 200, 0.2], [1, 0, 0, 0.6, 0.6, 2, 300, 0.3], [2, 0, 0, 0.4, 0.4, 2, 200, 0.2]]
    np.testing.assert_allclose(event.point, expected, rtol=1e-5)
    assert event.cluster.tolist() == [[0, -1, -1, -1, LED, -1], [3, 7, 7, -1, TRACK, 2]]


def test_a_voxel_belongs_to_the_track_with_most_energy_in_it_and_holds_all(tmp_path):
    muon = line(0, 1, 13, (0.15, 0.15, 0.15), (0.75, 0.15, 0.15), dE=0.6)
    proton = line(0, 2, 2212, (0.75, 0.15, 0.15), (0.75, 0.75, 0.15), dE=6.0)
    (event,) = read_segments(write(tmp_path / "vertex.h5", segment_table([muon, proton])), origin_cm=(0, 0, 0))
    cells = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 1, 0), (2, 2, 0)]
    assert [tuple(row) for row in event.point[:, :3].astype(int)] == cells
    np.testing.assert_allclose(event.point[:, 3], [0.15, 0.3, 1.5 + 0.15, 3.0, 1.5], rtol=1e-5)
    assert event.cluster.tolist() == [[0, -1, -1, -1, LED, -1], [2, 1, 1, -1, TRACK, 2], [3, 2, 2, -1, TRACK, 4]]


def test_small_showers_and_all_nuclei_and_neutrons_are_low_energy_deposits(tmp_path):
    rows = [
        line(0, 1, 11, (0, 1, 1), (0.3 * 9.5, 1, 1), dE=5),  # 10 voxels
        line(0, 2, 11, (0, 5, 1), (0.3 * 8.5, 5, 1), dE=5),  # 9 voxels
        line(0, 3, 22, (0, 9, 1), (0, 9, 1), dE=0.3),
        line(0, 4, 1000180400, (5, 9, 1), (5, 9, 1), dE=1.0),
        line(0, 5, 2112, (9, 9, 1), (9, 9 + 0.3 * 11.5, 1), dE=1.0),  # recoils at many places have one neutron's id
        line(0, 6, 2212, (13, 9, 1), (13, 9, 1), dE=4.0),  # a proton stays a track, however short
    ]
    (event,) = read_segments(write(tmp_path / "small.h5", segment_table(rows)), origin_cm=(0, 0, 0))
    assert event.cluster.tolist() == [[23, -1, -1, -1, LED, -1], [10, 1, 1, -1, SHOWER, 1], [1, 6, 6, -1, TRACK, 4]]
    assert event.point[23:33, 1].tolist() == [3.0] * 10  # points follow the order of their clusters


def test_all_events_come_in_file_order_in_one_frame_centred_on_the_file(tmp_path):
    rows = [
        line(9, 1, 13, (-10, 0, 0), (-9, 0, 0), dE=2),
        line(2, 1, 13, (29, 0, 0), (30, 0, 0), dE=2),
        line(9, 1, 13, (-9, 0, 0), (-8, 0, 0), dE=2),
    ]
    events = list(read_segments(write(tmp_path / "two.h5", segment_table(rows, old_names=False))))
    assert [event.name for event in events] == ["two_0", "two_1"]
    assert [len(np.unique(event.point[:, 0])) for event in events] == [7, 4]
    assert events[0].point[0, 0] == 384 - 67  # 20 cm, 66.7 voxels, before the centre
    assert events[1].point[-1, 0] == 384 + 66
    assert {*events[0].point[:, 1], *events[1].point[:, 1]} == {384}


def trajectory_table(rows: list[tuple]) -> np.ndarray:
    """Rows of track, parent, pdg, start, end, momentum (MeV)."""
    dtype = [("eventID", "u4"), ("trackID", "u4"), ("parentID", "i4"), ("pdgId", "i4")]
    dtype += [("xyz_start", "f4", (3,)), ("xyz_end", "f4", (3,)), ("pxyz_start", "f4", (3,))]
    return np.array([(0, track, parent, pdg, s, e, p) for track, parent, pdg, s, e, p in rows], dtype=dtype)


def event_with_parents(tmp_path: Path, **columns: list[int]) -> RawEvent:
    """A muon with a delta and a Michel electron, and a photon of another vertex that converts and radiates."""
    trajectories = [
        (1, -1, 13, (0, 0, 0), (60, 0, 0), (300, 0, 400)),
        (2, 1, 11, (30, 0, 0), (30, 3, 0), (0, 5, 0)),
        (3, 1, 11, (60.05, 0, 0), (60, 9, 0), (0, 40, 0)),
        (4, -1, 22, (0, 50, 0), (10, 50, 0), (200, 0, 0)),
        (5, 4, -11, (10, 50, 0), (25, 50, 0), (120, 0, 0)),
        (6, 5, 22, (15, 50, 0), (15, 60, 0), (0, 40, 0)),
        (7, 6, 11, (15, 60, 0), (15, 65, 0), (0, 30, 0)),
    ]
    rows = [
        line(0, track, pdg, start, end, dE=20)
        for track, _, pdg, start, end, _ in trajectories
        if pdg != 22  # photons leave nothing themselves
    ]
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    segments = segment_table(rows, **dict.fromkeys(columns, "u8"))
    (event,) = read_segments(write(tmp_path / "all.h5", segments, trajectories=trajectory_table(trajectories)))
    return event


def test_parents_tell_michel_delta_shower_interaction_and_truth(tmp_path, caplog):
    raw = event_with_parents(tmp_path)
    assert caplog.text == ""
    check_event(raw, raw.name)
    fragment, group, interaction, motif, species = raw.cluster[1:, 1:].T.tolist()
    assert fragment == [1, 2, 3, 5, 7]
    assert group == [1, 2, 3, 4, 4]  # the positron and the far electron are one photon
    assert motif == [1, 3, 2, 0, 0]
    assert species == [2, 1, 1, 0, 0]
    assert interaction == [0, 0, 0, 1, 1]
    event = decode(raw)
    assert event.particles.momentum_gev == pytest.approx([0.5, 0.005, 0.04, 0.2])
    np.testing.assert_allclose(event.particles.direction[0], [0.6, 0, 0.8], rtol=1e-6)
    assert event.particles.mass_mev == pytest.approx([105.658, 0.511, 0.511, 0.0])
    assert event.particles.primary.tolist() == [0, 2, 1, 0]
    first = event.position_vox[event.particle == 0].min(axis=0)  # the muon starts at its vertex
    np.testing.assert_allclose(event.particles.vertex_vox[2], first, atol=0.51)
    assert raw.cluster_extra_2[:, 3].tolist() == [-1, -1, 13, 13, -1, -1]
    assert raw.cluster_extra_2[:, 4].tolist() == [-1, -1, 1, 1, -1, -1]


def test_events_become_a_pilarnet_file_that_reads_back(tmp_path):
    raw = event_with_parents(tmp_path)
    write_pilarnet(tmp_path / "new.h5", read_segments(tmp_path / "all.h5"))
    file = PilarnetFile(tmp_path / "new.h5")
    assert (len(file), file.revision) == (1, "v3_extra")
    assert same_bits(file.raw_event(0), raw)


def test_vertex_ids_of_the_file_tell_interactions(tmp_path):
    raw = event_with_parents(tmp_path, vertexID=[8, 8, 8, 8, 3])
    assert raw.cluster[1:, 3].tolist() == [1, 1, 1, 1, 0]


def test_what_a_file_does_not_tell_is_said_in_a_warning_and_left_unknown(tmp_path, caplog):
    rows = [line(0, 1, 13, (0, 0, 0), (10, 0, 0), dE=20), line(0, 2, 11, (10, 0, 0), (10, 10, 0), dE=20)]
    with caplog.at_level(logging.WARNING):
        (raw,) = read_segments(write(tmp_path / "bare.h5", segment_table(rows)))
    assert (
        "no table trajectories: Michel and delta electrons and momenta are not labelled, nor are interactions"
        in caplog.text
    )
    assert (raw.cluster_extra == -1)[:, 1:].all()  # the mass follows from the species
    assert (raw.cluster_extra_2 == -1).all()
    particles = decode(raw).particles
    assert np.isnan(particles.momentum_gev).all()
    assert particles.primary.tolist() == [-1, -1]


def test_energy_outside_the_voxels_is_left_out_with_a_warning(tmp_path, caplog):
    rows = [line(0, 1, 13, (0, 0, 0), (10, 0, 0), dE=20)]
    (event,) = read_segments(write(tmp_path / "cut.h5", segment_table(rows)), origin_cm=(4, -1, -1))
    assert event.point[:, 3].sum() == pytest.approx(12, rel=1e-6)
    assert "cut_0: 8 MeV lie outside the voxels" in caplog.text


def test_files_that_cannot_be_read_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.h5: no such file"):
        next(read_segments(tmp_path / "nowhere.h5"))
    long = segment_table([line(0, 1, 13, (0, 0, 0), (400, 0, 0), dE=800)])
    with pytest.raises(BadFile, match=r"span \[400.0, 0.0, 0.0\] cm, more than 230.4 cm of voxels; give origin_cm"):
        next(read_segments(write(tmp_path / "long.h5", long)))
    with pytest.raises(BadFile, match="no segments, only \\['point'\\]"):
        h5py.File(tmp_path / "other.h5", "w").create_dataset("point", data=[1])
        next(read_segments(tmp_path / "other.h5"))
    with pytest.raises(BadFile, match="segments has no column event_id or eventID, only dE"):
        next(read_segments(write(tmp_path / "bad.h5", np.zeros(1, [("dE", "f4")]))))


def edep_sim_file(reference_data: Path, tmp_path: Path, codes: tuple[int, ...] = ()) -> tuple[Path, dict]:
    with np.load(reference_data / "data/real/edepsim_mixed_segments.npz") as file:
        held = dict(file)
    if codes:
        held = {name: values[np.isin(np.abs(held["pdg"]), codes)] for name, values in held.items()}
    names = {"eventID": "event_id", "trackID": "track_id", "pdgId": "pdg", "dE": "dE", "dx": "dx"}
    dtype = [(name, held[source].dtype) for name, source in names.items()]
    table = np.zeros(len(held["dE"]), dtype + [(f"{axis}_{end}", "f4") for end in ("start", "end") for axis in AXES])
    for name, source in names.items():
        table[name] = held[source]
    for end in ("start", "end"):
        for i, axis in enumerate(AXES):
            table[f"{axis}_{end}"] = held[end][:, i]
    return write(tmp_path / "edepsim.h5", table), held


def test_sixty_edep_sim_events_keep_their_energy_and_pass_the_checks(reference_data, tmp_path):
    path, held = edep_sim_file(reference_data, tmp_path)
    events = list(read_segments(path))
    ids = list(dict.fromkeys(held["event_id"].tolist()))
    assert len(events) == len(ids) == 60
    for event, number in zip(events, ids, strict=True):
        check_event(event, event.name)
        energy = held["dE"][held["event_id"] == number].sum(dtype=np.float64)
        assert event.point[:, 3].sum(dtype=np.float64) == pytest.approx(energy, rel=1e-6)
        length = held["dx"][held["event_id"] == number].sum(dtype=np.float64)
        assert event.point[:, 7].sum(dtype=np.float64) == pytest.approx(length, rel=1e-5)
    # Points above threshold of the same sample, found by fine sub-stepping: 5-95 % from 855 to 2430, median 1471.
    n_points = [(event.point[:, 3] > 0.13).sum() for event in events]
    np.testing.assert_allclose(np.quantile(n_points, [0.05, 0.5, 0.95]), [855, 1471, 2430], rtol=0.03)


@pytest.mark.parametrize(
    ("code", "quantiles"),
    [
        (13, [0.17, 0.30, 0.50, 0.59, 0.73]),
        (211, [0.17, 0.31, 0.50, 0.60, 0.79]),
        (2212, [0.19, 0.45, 0.75, 1.34, 3.96]),
        (11, [0.17, 0.29, 0.48, 0.69, 1.22]),
    ],
    ids=["muon", "pion", "proton", "electron"],
)
def test_voxel_energies_of_edep_sim_particles_agree_with_fine_sub_stepping(reference_data, tmp_path, code, quantiles):
    """The 5, 25, 50, 75 and 95 % quantiles above 0.13 MeV, known to two digits from steps of at most 0.3 mm."""
    path, _ = edep_sim_file(reference_data, tmp_path, codes=(code,))
    energy = np.concatenate([event.point[:, 3] for event in read_segments(path)])
    got = np.quantile(energy[energy > 0.13], [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(got, quantiles, rtol=0.05, atol=0.005)
