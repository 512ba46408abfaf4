"""Momentum, direction and vertex that queries tell, beside the truth, in the units of physics (ours)."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from panda_lartpc.detector import VOXEL_PITCH_MM
from panda_lartpc.heads.panoptic_kinematics import QUANTITIES, Kinematics
from panda_lartpc.tasks.truth import Kind

VOXEL_CM = VOXEL_PITCH_MM / 10


def kinematics_table(kind: Kind, told: Kinematics, known: Kinematics) -> pd.DataFrame:
    """Kinematics of K matched instances, told and known; NaN where the truth is not known.

    returns  of particles: true_momentum_gev, momentum_gev, momentum_error (predicted standard deviation of log10 p),
             angle_deg (between true and predicted direction), angle_error_deg (predicted standard deviation of the
             components of the unit vector, as an angle); of interactions: vertex_distance_cm, vertex_error_cm
             (predicted standard deviation of one component)
    """
    if kind == "particle":
        return pd.DataFrame(
            {
                "true_momentum_gev": momentum_gev(known),
                "momentum_gev": momentum_gev(told),
                "momentum_error": _error(told, "log10_momentum"),
                "angle_deg": _angle_deg(_numbers(told.direction), _numbers(known.direction)),
                "angle_error_deg": np.degrees(_error(told, "direction")),
            }
        )
    distance = np.linalg.norm(_numbers(told.vertex_vox) - _numbers(known.vertex_vox), axis=1)
    return pd.DataFrame(
        {"vertex_distance_cm": distance * VOXEL_CM, "vertex_error_cm": _numbers(told.vertex_error_vox) * VOXEL_CM}
    )


def momentum_gev(kinematics: Kinematics) -> NDArray[np.float64]:
    """Magnitude of the momentum in GeV, (...)."""
    return 10 ** _numbers(kinematics.log10_momentum)


def _error(told: Kinematics, quantity: str) -> NDArray[np.float64]:
    """Predicted standard deviation of one component of a quantity, (K,)."""
    return np.exp(_numbers(told.log_variance[..., list(QUANTITIES).index(quantity)]) / 2)


def _angle_deg(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle between directions of any length, (K, 3) each, to (K,)."""
    cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return np.degrees(np.arccos(cosine.clip(-1, 1)))


def _numbers(values: Tensor) -> NDArray[np.float64]:
    return values.detach().double().cpu().numpy()
