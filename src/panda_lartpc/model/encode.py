"""Features of the points of an event, from a ready encoder."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from panda_lartpc.geometry.grid import point_features
from panda_lartpc.geometry.pyramid import pyramid_of
from panda_lartpc.model.encoder import Encoder, up_cast
from panda_lartpc.settings.model import GeometrySettings


@torch.no_grad()
def encode(encoder: Encoder, geometry: GeometrySettings, position_vox: ArrayLike, energy_mev: ArrayLike) -> Tensor:
    """Up-cast features of an event's points, in the order in which they are given (Panda section 3.2).

    encoder       in evaluation mode; its device does the work
    geometry      that the encoder was trained with
    position_vox  (N, 3)  in voxels, N >= 1
    energy_mev    (N,)    in MeV
    returns       (N, C)  float32, C the sum of the encoder's channels (1232 for the published one)

    The result depends on nothing but encoder and event. Raises ValueError if the encoder is in training mode, the
    shapes disagree, a number is not finite, an energy is negative, or the event does not fit the curve depth.
    """
    if encoder.training:
        raise ValueError("the encoder is in training mode; call its eval() before encode()")
    device = next(encoder.parameters()).device
    position = torch.as_tensor(position_vox, dtype=torch.float32, device=device)
    energy = torch.as_tensor(energy_mev, dtype=torch.float32, device=device)
    if position.ndim != 2 or position.shape[1] != 3 or energy.shape != position.shape[:1] or not len(energy):
        raise ValueError(
            f"positions are {tuple(position.shape)} and energies {tuple(energy.shape)}; expected (N, 3), (N,), N >= 1"
        )
    if not (position.isfinite().all() and energy.isfinite().all() and (energy >= 0).all()):
        raise ValueError("a position or energy is not finite, or an energy is negative; drop such points first")
    pyramid = pyramid_of(position, torch.tensor([0, len(position)], device=device), geometry)
    features = pyramid.sort(point_features(position, energy, encoder.settings.coordinates))
    return pyramid.restore(up_cast(encoder(features, pyramid), pyramid)).float()
