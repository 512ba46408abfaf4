"""True instances: which points belong to which, and what is told of each."""

from dataclasses import replace

import numpy as np
import pytest

from panda_lartpc.detector import ELECTRON, KAON, MUON, PROTON
from panda_lartpc.heads.panoptic_matching import IGNORED
from panda_lartpc.tasks.truth import true_instances
from panda_lartpc.views.augment import moved_about_centre, random_motion
from panoptic_tasks import made_up_event

SPECIES = (0, 1, 2, 3, 4)
EVENT = made_up_event(3, [(MUON, 1, 5), (KAON, 1, 4), (PROTON, 0, 3), (ELECTRON, 0, 2)], 6)


def test_particles_are_numbered_without_gaps_and_have_their_species():
    found = true_instances(EVENT, "particle", SPECIES)
    assert found.classes.tolist() == [MUON, PROTON, ELECTRON]
    for number, particle in enumerate((0, 2, 3)):
        assert ((found.instance == number) == (EVENT.particle == particle)).all()
        assert found.momentum_gev[number] == EVENT.particles.momentum_gev[particle]
        assert (found.direction[number] == EVENT.particles.direction[particle]).all()
    assert np.isnan(found.vertex_vox).all()


def test_points_of_a_kaon_are_neither_stuff_nor_an_instance():
    found = true_instances(EVENT, "particle", SPECIES)
    assert ((found.instance == IGNORED) == (EVENT.species == KAON)).all()
    assert ((found.instance == -1) == (EVENT.particle == -1)).all()
    assert (found.instance == IGNORED).sum() == 4


def test_a_kaon_is_an_instance_for_a_head_that_knows_it():
    assert true_instances(EVENT, "particle", (*SPECIES, KAON)).classes.tolist() == [MUON, KAON, PROTON, ELECTRON]


def test_a_kaon_belongs_to_its_interaction():
    found = true_instances(EVENT, "interaction", (1,))
    assert (found.instance == EVENT.interaction).all()
    assert found.classes.tolist() == [1, 1]
    assert np.isnan(found.momentum_gev).all()
    assert np.isnan(found.direction).all()
    for number, particle in ((0, 2), (1, 0)):
        assert (found.vertex_vox[number] == EVENT.particles.vertex_vox[particle]).all()


def test_a_vertex_is_that_of_any_particle_that_knows_it():
    vertices = EVENT.particles.vertex_vox.copy()
    vertices[2, 1] = np.nan
    event = replace(EVENT, particles=replace(EVENT.particles, vertex_vox=vertices))
    assert (true_instances(event, "interaction", (1,)).vertex_vox[0] == vertices[3]).all()
    vertices[3] = np.nan
    assert np.isnan(true_instances(event, "interaction", (1,)).vertex_vox[0]).all()


@pytest.mark.parametrize("kind", ["particle", "interaction"])
@pytest.mark.parametrize("rotation", ["free", "cube"])
def test_truth_of_a_moved_event_is_the_moved_truth(kind, rotation):
    rng = np.random.default_rng(5)
    for _ in range(8):
        motion = random_motion(rng, rotation, 0.8, "xyz", 0.5)
        table = EVENT.particles
        moved = replace(
            EVENT,
            position_vox=moved_about_centre(EVENT.position_vox, motion),
            particles=replace(
                table,
                direction=np.stack([motion @ d for d in table.direction]),
                vertex_vox=moved_about_centre(table.vertex_vox, motion),
            ),
        )
        expected = true_instances(moved, kind, SPECIES)
        found = true_instances(EVENT, kind, SPECIES).moved(motion)
        for name in ("instance", "classes", "momentum_gev", "direction", "vertex_vox"):
            a, b = getattr(found, name), getattr(expected, name)
            assert np.allclose(a, b, rtol=1e-5, atol=1e-4, equal_nan=True), name


def test_an_event_of_low_energy_deposits_alone_has_no_instances():
    event = made_up_event(0, [], 4)
    for kind in ("particle", "interaction"):
        found = true_instances(event, kind, SPECIES)
        assert len(found) == 0
        assert (found.instance == -1).all()
        assert len(found.moved(np.eye(3))) == 0


def test_other_kinds_are_refused():
    with pytest.raises(ValueError, match="instances are 'group'; expected 'particle' or 'interaction'"):
        true_instances(EVENT, "group", SPECIES)
