"""The recipe of a transformer: over the tokens of an observation, or from left to right over words."""

import dataclasses
from typing import Literal

from jaxtyping import Array, Key

from anabranch.environment import Environment
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.policies.causal import CausalPolicy
from anabranch.policies.observation import Observer
from anabranch.policies.token_sets import TokenSetPolicy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transformer:
    """Recipe of a transformer: `layers` pre-norm blocks of `width` units and `heads` attention heads.

    Without `causal` it reads what `observer(env)` makes of a state, as a set: its tokens, or the entries that are not 0
    where it is a vector of floats. The result does not depend on the order of the tokens, nor on those that are
    `padding_token`.

    With `causal` it reads a word from left to right, in spaces whose states are words (`Environment.sequence`):
    letters, SELFIES, bits in their order. The sampler then keeps keys and values and reads one label a row, and the
    rows of a trajectory are scored in one pass. Where heads are asked for at single states - P_B learned and regrown,
    flow matching, exact laws - the whole word is read each time.

    Paper: Vaswani et al. 2017, arXiv:1706.03762.

    Raises:
        ConfigError: for a size that is not positive, a width that the heads do not divide, and by `build`, where the
            states of the space are no words or an observation has too many tokens.

    Example:
        run = anabranch.train("sequences", objective="tb", policy=anabranch.Transformer(width=32, causal=True))
    """

    width: int = 64
    """Units of each vector; a multiple of the heads."""
    layers: int = 2
    """Blocks."""
    heads: int = 4
    """Attention heads of a block."""
    causal: bool = False
    """Read words from left to right, each label once."""
    pooling: Literal["class", "mean"] = "class"
    """What the heads are read from, without causal: the class token, or the mean of all."""

    def __post_init__(self) -> None:
        require_types(self)
        if min(self.width, self.layers, self.heads) < 1:
            raise ConfigError(
                f"Transformer needs a positive width, layers and heads; given width={self.width}, "
                f"layers={self.layers}, heads={self.heads}."
            )
        if self.width % self.heads:
            raise ConfigError(
                f"The width of a Transformer is a multiple of its heads; given {self.width} and {self.heads}."
            )

    def build(
        self, env: Environment, *, observer: Observer, key: Key[Array, ""], learned_backward: bool
    ) -> CausalPolicy | TokenSetPolicy:
        """Draw the initial parameters: uniform within 1/sqrt(inputs), biases 0."""
        del env
        sizes = {"width": self.width, "layers": self.layers, "heads": self.heads}
        if self.causal:
            return CausalPolicy.drawn(observer, key, learned_backward, **sizes)
        return TokenSetPolicy.drawn(observer, key, self.pooling, learned_backward, **sizes)
