"""The projection head of self-distillation: points and prototypes compared by angle (Panda section 3.3)."""

from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.parametrizations import weight_norm

from panda_lartpc.model.encoder import initialise


class PrototypeHead(nn.Module):
    """Cosine of each point's embedding with each prototype; names of its parameters are the published ones.

    n_in          features of a point
    hidden        hidden width of the projection
    embedding     dimension in which points and prototypes are compared
    n_prototypes  K
    """

    def __init__(self, n_in: int, hidden: int, embedding: int, n_prototypes: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(n_in, hidden), nn.GELU(), nn.Linear(hidden, embedding))
        self.mlp.apply(initialise)
        self.prototype = weight_norm(nn.Linear(embedding, n_prototypes, bias=False))
        length = self.prototype.parametrizations.weight.original0  # (K, 1)
        nn.init.ones_(length).requires_grad_(False)  # only the direction of a prototype is learnt

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, n_in) to cosines (N, K) in [-1, 1]."""
        return self.prototype(normalize(self.mlp(features), dim=1, eps=1e-12))
