"""Tables that transport looks up, against the functions they are made from."""

import numpy as np
import pytest

from panda_lartpc.simulation.argon import CHARGED_PDG, ELECTRON, MU_MINUS, PI_PLUS, POSITRON, PROTON
from panda_lartpc.simulation.bremsstrahlung import photon_rate, soft_loss
from panda_lartpc.simulation.charged_tables import charged_tables
from panda_lartpc.simulation.physics import Physics
from panda_lartpc.simulation.stopping import collision_loss, hard_loss_and_rate

# CSDA ranges in cm of liquid argon (Groom et al. 2001 for muons; Bethe for pions; NIST PSTAR for protons).
CSDA_CM = [
    (MU_MINUS, {20: 2.38, 50: 10.82, 100: 30.44, 300: 123.6, 1000: 441.5}),
    (PI_PLUS, {20: 1.95, 50: 9.16, 100: 26.91, 300: 117.5, 1000: 441.8}),
    (PROTON, {20: 0.454, 50: 2.30, 100: 7.82, 300: 51.17, 1000: 319.1}),
]


def read(table, tables, species, kinetic):
    return tables.read(table, tables.locate(np.full(len(kinetic), species), kinetic))


@pytest.mark.parametrize(("species", "csda"), CSDA_CM)
def test_range_without_hard_collisions_cut_out_is_the_csda_range(species, csda):
    tables = charged_tables(Physics(delta_cut_mev=1e9))
    kinetic = np.array(list(csda), float)
    np.testing.assert_allclose(read(tables.range_mm, tables, species, kinetic) / 10, list(csda.values()), rtol=0.01)


def test_look_up_interpolates_the_functions():
    tables = charged_tables(Physics())
    kinetic = np.geomspace(0.01, 1e4, 57)
    for species in range(len(CHARGED_PDG)):
        expected = collision_loss(kinetic, species) - hard_loss_and_rate(kinetic, species, 0.35)[0]
        if species in (ELECTRON, POSITRON):
            expected = expected + soft_loss(kinetic, Physics().photon_cut_mev)
        np.testing.assert_allclose(read(tables.loss, tables, species, kinetic), expected, rtol=1e-3)


def test_bounds_are_above_the_rates_that_are_sampled():
    physics = Physics()
    tables = charged_tables(physics)
    kinetic = np.geomspace(0.8, 1e4, 101)
    for species in range(len(CHARGED_PDG)):
        hard = read(tables.rates, tables, species, kinetic)[0]
        assert (hard >= 0.999 * hard_loss_and_rate(kinetic, species, physics.delta_cut_mev)[1]).all()
    photons = read(tables.rates, tables, ELECTRON, kinetic)[1]
    assert (photons >= photon_rate(kinetic, physics.photon_cut_mev)).all()


def test_switches_remove_processes():
    kinetic = np.array([300.0])
    on, off = charged_tables(Physics()), charged_tables(Physics(hadronic=False, decay_in_flight=False))
    assert (read(on.rates, on, PI_PLUS, kinetic)[2:] > 0).all()
    assert (read(off.rates, off, PI_PLUS, kinetic)[2:] == 0).all()
