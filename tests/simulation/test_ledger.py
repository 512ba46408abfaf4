"""The books: ancestry, order and sums."""

import numpy as np

from panda_lartpc.simulation.ledger import Flight, Ledger
from panda_lartpc.simulation.tracks import Process
from simulation.beams import gun, in_flight


def test_secondaries_inherit_event_and_interaction_over_generations():
    ledger = Ledger(gun(13, 100.0, 3))
    parent = ledger.newborn().take(np.array([2]))
    for generation in range(5):
        ledger.spawn(parent, 11, Process.IONISATION, np.array([1.0]), np.array([[0.0], [0.0], [1.0]]))
        parent = ledger.newborn()
        assert parent.row.tolist() == [3 + generation]
    tracks = ledger.tracks()
    assert tracks.parent.tolist() == [-1, -1, -1, 2, 3, 4, 5, 6]
    assert tracks.event.tolist() == [0, 1, 2, 2, 2, 2, 2, 2]
    assert tracks.process.tolist() == [0, 0, 0, 6, 6, 6, 6, 6]


def test_secondaries_start_where_and_when_their_parent_is():
    beam, ledger = in_flight(22, 10.0, 2)
    beam.position_mm = np.array([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]])
    beam.time_ns = np.array([7.0, 8.0])
    ledger.spawn(beam, np.array([11, -11]), Process.CONVERSION, np.array([3.0, 4.0]), np.eye(3)[:, :2])
    tracks = ledger.tracks()
    assert tracks.position_mm[2:].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert tracks.time_ns[2:].tolist() == [7, 8]
    assert tracks.direction[2:].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert tracks.pdg[2:].tolist() == [11, -11]


def test_energy_is_added_up_per_track():
    _, ledger = in_flight(13, 100.0, 2)
    ledger.spend(np.array([0, 1, 0]), np.array([1.0, 2.0, 4.0]))
    assert ledger.spent_mev().tolist() == [5, 2]


def test_escaped_tracks_carry_their_kinetic_energy():
    beam, ledger = in_flight(13, 100.0, 2)
    ledger.end(beam.take(np.array([0])), at_rest=True)
    ledger.end(beam.take(np.array([1])), at_rest=False, escaped=True)
    _, _, at_rest, escaped = ledger.ends()
    assert at_rest.tolist() == [True, False]
    assert escaped.tolist() == [0, 100]


def test_deposits_of_no_energy_are_left_out():
    _, ledger = in_flight(13, 100.0, 2)
    here = np.zeros((3, 2))
    ledger.deposit(np.array([0, 1]), here, here, np.array([0.0, 1.0]), np.zeros(2))
    assert ledger.deposits().track.tolist() == [1]
    assert len(Ledger(gun(13, 1.0, 1)).deposits()) == 0


def test_flights_join_and_take_by_column():
    beam, _ = in_flight(13, 100.0, 3)
    twice = beam.joined(beam.take(np.array([False, True, False])))
    assert twice.row.tolist() == [0, 1, 2, 1]
    assert twice.position_mm.shape == (3, 4)
    assert len(Flight.empty()) == 0
    assert beam.joined(Flight.empty()) is beam
