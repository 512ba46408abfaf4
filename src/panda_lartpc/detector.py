"""Constants of the detector and of its labels, each once, with unit and source.

Sources: Panda (arXiv:2512.01324) section 4.1; PILArNet (arXiv:2006.01993); the PILArNet-M data card.
"""

VOXEL_PITCH_MM = 3.0  # edge of one voxel (Panda section 4.1)
N_VOXELS = 768  # voxels per axis of the PILArNet volume, 230.4 cm of liquid argon
ENERGY_THRESHOLD_MEV = 0.13  # points at or below it are dropped: 20 % of the lowest expected signal (Panda section 4.1)
MIN_POINTS = 1024  # events with fewer points before the threshold are dropped (Panda's published code)

MOTIFS = ("shower", "track", "Michel", "delta", "LED")  # LED: low-energy deposit
SHOWER, TRACK, MICHEL, DELTA, LED = range(5)

# Ids 0-4 are those of PILArNet. Files store -1 for points without a species and 5 for kaons; published readers map -1
# to 5, which makes a kaon indistinguishable from "none". Here none is 5, as downstream code expects, and kaons are 6.
SPECIES = ("photon", "electron", "muon", "pion", "proton", "none", "kaon")
PHOTON, ELECTRON, MUON, PION, PROTON, NO_SPECIES, KAON = range(7)

NO_INSTANCE = -1  # particle and interaction id of a point that belongs to none
