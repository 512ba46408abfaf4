"""Constants of liquid argon and of the particles that cross it, each once, with unit and source.

Sources: PDG Review of Particle Physics 2024 (physical constants, particle listings, "Atomic and nuclear properties of
materials": argon) and Sternheimer, Berger and Seltzer, At. Data Nucl. Data Tables 30 (1984) 261 (density effect).
"""

import numpy as np
from numpy.typing import NDArray

ATOMIC_NUMBER = 18
ATOMIC_MASS = 39.948  # g/mol
DENSITY = 1.396  # g/cm3, liquid at 87 K
RADIATION_LENGTH_MM = 140.0  # 19.55 g/cm2
MEAN_EXCITATION_MEV = 188.0e-6  # NIST and PDG
NUCLEI_PER_MM3 = DENSITY * 6.02214076e23 / ATOMIC_MASS * 1e-3
ELECTRONS_PER_MM3 = ATOMIC_NUMBER * NUCLEI_PER_MM3
BETHE_PER_MM = 0.307075 * ATOMIC_NUMBER / ATOMIC_MASS * DENSITY * 0.1  # K Z/A ρ = 4π r_e² m_e n_e, MeV/mm
SPEED_OF_LIGHT = 299.792458  # mm/ns
NUCLEON_BINDING_MEV = 8.6  # average per nucleon of argon-40

ELECTRON_MASS = 0.51099895  # MeV, as all masses here
MUON_MASS = 105.6583755
PION_MASS = 139.57039
NEUTRAL_PION_MASS = 134.9768
KAON_MASS = 493.677
PROTON_MASS = 938.27208816
NEUTRON_MASS = 939.56542052

GAMMA, NEUTRON, NEUTRAL_PION = 22, 2112, 111
ARGON_NUCLEUS = 1000180400  # PDG code for a recoil or a light fragment, deposited where it was made

# The charged particles that transport follows; the row of a particle here is its row in every table of transport.
CHARGED_PDG = np.array([11, -11, 13, -13, 211, -211, 321, -321, 2212])
ELECTRON, POSITRON, MU_MINUS, MU_PLUS, PI_PLUS, PI_MINUS, K_PLUS, K_MINUS, PROTON = range(9)
MASS = np.repeat([ELECTRON_MASS, MUON_MASS, PION_MASS, KAON_MASS, PROTON_MASS], [2, 2, 2, 2, 1])
LIFETIME_NS = np.repeat([np.inf, 2196.98, 26.033, 12.38, np.inf], [2, 2, 2, 2, 1])

# Sternheimer's parameters for liquid argon (PDG): where the density effect starts and saturates, in log10(βγ).
_C, _X0, _X1, _A, _K = 5.2146, 0.2000, 3.0000, 0.19559, 3.0


def density_effect(beta_gamma: NDArray) -> NDArray:
    """Correction δ to the Bethe logarithm 2 ln(...) (Sternheimer 1984). beta_gamma (N,) > 0; returns (N,) >= 0."""
    x = np.log10(beta_gamma)
    delta = 2 * np.log(10) * x - _C + _A * np.clip(_X1 - x, 0, None) ** _K
    return np.where(x < _X0, 0.0, delta)
