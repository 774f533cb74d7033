"""The keys and shapes that networks have, asked of the networks themselves."""
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from rvc.synthesis.config import VitsConfig

Shapes = Mapping[str, tuple[int, ...]]


@lru_cache(maxsize=32)
def voice_shapes(config: VitsConfig, *, vocoder: str, uses_f0: bool, content_width: int) -> Shapes:
    """Of a whole synthesizer, posterior included, in old spelling."""
    from rvc.synthesis.vits import shapes

    return MappingProxyType(shapes(config, vocoder=vocoder, uses_f0=uses_f0, content_width=content_width))


@lru_cache(maxsize=8)
def discriminator_shapes(version: str) -> Shapes:
    from rvc.synthesis.discriminators import shapes

    return MappingProxyType(shapes(version))
