"""Self-attention that also hears distance: relative positions (Shaw et al., 2018) in a window of ten frames."""
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rvc.synthesis.convolution import Conv1d

WINDOW = 10  # frames either way that have a position of their own
PADDED_SCORE = -1e4  # instead of the score of a padded frame


class RelativeAttention(nn.Module):
    """(B, C, T) → (B, C, T).  heads divide C.

    `emb_rel_k`, `emb_rel_v` (1, 2·WINDOW + 1, C / heads) are shared by the heads; these names and `conv_q` … `conv_o`
    are the file format.
    """

    def __init__(self, channels: int, heads: int):
        super().__init__()
        self.heads = heads
        width = channels // heads
        self.emb_rel_k = _positions(width)
        self.emb_rel_v = _positions(width)
        self.conv_q = Conv1d(channels, channels, 1)
        self.conv_k = Conv1d(channels, channels, 1)
        self.conv_v = Conv1d(channels, channels, 1)
        self.conv_o = Conv1d(channels, channels, 1)
        for projection in (self.conv_q, self.conv_k, self.conv_v):
            nn.init.xavier_uniform_(projection.weight)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """mask: (B, 1, T), 1 for frames that exist."""
        query, key, value = (self._split(conv(x)) for conv in (self.conv_q, self.conv_k, self.conv_v))
        query = query / sqrt(query.shape[-1])
        scores = query @ key.transpose(-2, -1) + _onto_diagonals(query @ self.emb_rel_k.transpose(-2, -1))
        pairs = mask.unsqueeze(-1) * mask.unsqueeze(-2)  # (B, 1, T, T)
        weights = scores.masked_fill(pairs == 0, PADDED_SCORE).softmax(-1)
        heard = weights @ value + _from_diagonals(weights) @ self.emb_rel_v
        return self.conv_o(heard.transpose(-2, -1).reshape(x.shape))

    def _split(self, x: Tensor) -> Tensor:  # (B, C, T) -> (B, heads, T, C / heads)
        return x.unflatten(1, (self.heads, -1)).transpose(-2, -1)


def _positions(width: int) -> nn.Parameter:
    return nn.Parameter(nn.init.normal_(torch.empty(1, 2 * WINDOW + 1, width), std=width ** -0.5))


def _onto_diagonals(banded: Tensor) -> Tensor:
    """(…, T, 2W+1), one value for each distance −W…W → (…, T, T) with [i, j] = banded[i, j − i + W], 0 further off.

    A row longer by one than the result's shifts by one at every row when the rows are laid end to end.
    """
    frames = banded.shape[-2]
    skewed = F.pad(banded, (0, frames)).flatten(-2)[..., : frames * (frames + 2 * WINDOW)]
    return skewed.unflatten(-1, (frames, -1))[..., WINDOW: WINDOW + frames]


def _from_diagonals(square: Tensor) -> Tensor:
    """(…, T, T) → (…, T, 2W+1): the inverse of `_onto_diagonals` on the band that it fills."""
    frames = square.shape[-1]
    skewed = F.pad(F.pad(square, (WINDOW, WINDOW)).flatten(-2), (0, frames))
    return skewed.unflatten(-1, (frames, -1))[..., : 2 * WINDOW + 1]
