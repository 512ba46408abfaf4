"""Switches and cuts of transport, for the user, the tests and the validation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Physics:
    """What transport follows one by one, what it treats as continuous, and what it leaves out.

    delta_cut_mev         electrons knocked out with more kinetic energy are tracks of their own
    photon_cut_mev        bremsstrahlung photons with more energy are tracks of their own
    max_step_mm           longest straight step of a charged particle
    final_range_mm        a charged particle with a shorter residual range deposits the rest on one straight step
    photon_floor_mev      photons below it deposit where they are
    neutron_floor_mev     neutrons below it are captured or lost
    outside_margin_mm     photons, neutrons and charged particles farther outside the box have escaped
    straggling            fluctuate the energy loss below delta_cut_mev
    multiple_scattering   deflect charged particles at every step
    decay_in_flight       let muons, pions and kaons decay before they stop
    hadronic              nuclear interactions in flight of pions, kaons and protons
    """

    delta_cut_mev: float = 0.35
    photon_cut_mev: float = 0.05
    max_step_mm: float = 1.5
    final_range_mm: float = 0.3
    photon_floor_mev: float = 0.02
    neutron_floor_mev: float = 0.5
    outside_margin_mm: float = 1000.0
    straggling: bool = True
    multiple_scattering: bool = True
    decay_in_flight: bool = True
    hadronic: bool = True
