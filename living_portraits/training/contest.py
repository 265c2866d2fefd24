"""What a critic and the network that it judges say to each other: hinge, and feature matching as a mean over layers."""

from jaxtyping import Float
from torch import Tensor

from living_portraits.engines.megaportraits.critic import Critic, Pictures
from living_portraits.nn import losses

Loss = Float[Tensor, ""]


def persuaded(critic: Critic, real: Pictures, drawn: Pictures) -> dict[str, Loss]:
    """Bare terms of the network that drew: "adversary", and "matching", whose number of layers changes nothing."""
    seen, said = critic.both(real, drawn)
    layers = sum(len(scale) - 1 for scale in said)
    return {
        "adversary": losses.hinge_generator([scale[-1] for scale in said]),
        "matching": losses.feature_matching([scale[:-1] for scale in seen], [scale[:-1] for scale in said]) / layers,
    }


def judged(critic: Critic, real: Pictures, drawn: Pictures) -> Loss:
    """The critic's own loss; no gradient reaches what was drawn."""
    return losses.hinge_discriminator(*([scale[-1] for scale in said] for said in critic.both(real, drawn.detach())))
