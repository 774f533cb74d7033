"""The normalising flow between posterior and prior (Dinh et al., 2017; Kim et al., 2021): it removes the speaker."""
import torch
from torch import Tensor, nn

from rvc.synthesis.convolution import Conv1d
from rvc.synthesis.wavenet import WaveNet

COUPLINGS = 4
WAVENET_LAYERS = 3


class Coupling(nn.Module):
    """Shifts one half of the channels by what the other half says; the volume does not change."""

    def __init__(self, channels: int, hidden: int, speaker_channels: int):
        super().__init__()
        self.pre = Conv1d(channels // 2, hidden, 1)
        self.enc = WaveNet(hidden, WAVENET_LAYERS, speaker_channels)
        self.post = Conv1d(hidden, channels // 2, 1)
        nn.init.zeros_(self.post.weight)
        nn.init.zeros_(self.post.bias)

    def forward(self, x: Tensor, mask: Tensor, speaker: Tensor, sign: int) -> Tensor:
        """x: (B, C, T); sign: +1 towards the prior, −1 back."""
        kept, moved = x.chunk(2, dim=1)
        shift = self.post(self.enc(self.pre(kept) * mask, mask, speaker)) * mask
        moved = shift + moved * mask if sign > 0 else (moved - shift) * mask
        return torch.cat((kept, moved), dim=1)


class Flip(nn.Module):
    """Reverses the channels, so that the next coupling moves the other half.  Has no parameters, only a place."""

    def forward(self, x: Tensor, mask: Tensor, speaker: Tensor, sign: int) -> Tensor:
        return x.flip(1)


class Flow(nn.Module):
    """(B, C, T) → (B, C, T), invertible given mask and speaker."""

    def __init__(self, channels: int, hidden: int, speaker_channels: int):
        super().__init__()
        pairs = ((Coupling(channels, hidden, speaker_channels), Flip()) for _ in range(COUPLINGS))
        self.flows = nn.ModuleList(part for pair in pairs for part in pair)

    def forward(self, z: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        """Posterior sample → a sample of the speakerless prior."""
        for part in self.flows:
            z = part(z, mask, speaker, +1)
        return z

    def reverse(self, z: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        """A sample of the prior → what the speaker would have said."""
        for part in reversed(self.flows):
            z = part(z, mask, speaker, -1)
        return z
