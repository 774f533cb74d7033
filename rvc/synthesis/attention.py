"""Self-attention that also hears distance: relative positions (Shaw et al., 2018) in a window of ten frames."""
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rvc.synthesis.convolution import Conv1d

WINDOW = 10  # frames either way that have a position of their own
ROWS = 1024  # frames that listen at once: the table of all pairs of a minute would fill a gigabyte
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
        query, firsts = query / sqrt(query.shape[-1]), range(0, x.shape[-1], ROWS)
        heard = [self._heard(query[..., first:first + ROWS, :], first, key, value, mask) for first in firsts]
        return self.conv_o(torch.cat(heard, -2).transpose(-2, -1).reshape(x.shape))

    def _heard(self, query: Tensor, first: int, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """What the frames from `first` on hear in all frames: (B, heads, rows, C / heads)."""
        rows, frames = query.shape[-2], key.shape[-2]
        before, after = first - WINDOW, frames - first - rows - WINDOW  # columns beside those that have a position
        positions = F.pad(_onto_diagonals(query @ self.emb_rel_k.transpose(-2, -1)), (before, after))
        scores = query @ key.transpose(-2, -1) + positions
        pairs = mask[..., first:first + rows].unsqueeze(-1) * mask.unsqueeze(-2)  # (B, 1, rows, T)
        weights = scores.masked_fill(pairs == 0, PADDED_SCORE).softmax(-1)
        return weights @ value + _from_diagonals(F.pad(weights, (-before, -after))) @ self.emb_rel_v

    def _split(self, x: Tensor) -> Tensor:  # (B, C, T) -> (B, heads, T, C / heads)
        return x.unflatten(1, (self.heads, -1)).transpose(-2, -1)


def _positions(width: int) -> nn.Parameter:
    return nn.Parameter(nn.init.normal_(torch.empty(1, 2 * WINDOW + 1, width), std=width ** -0.5))


def _onto_diagonals(banded: Tensor) -> Tensor:
    """(…, R, 2W+1), a value for each distance −W…W → (…, R, R+2W) with [i, i + o] = banded[i, o], 0 elsewhere.

    A row longer by one than the result's shifts by one at every row when the rows are laid end to end.
    """
    rows = banded.shape[-2]
    skewed = F.pad(banded, (0, rows)).flatten(-2)[..., : rows * (rows + 2 * WINDOW)]
    return skewed.unflatten(-1, (rows, -1))


def _from_diagonals(wide: Tensor) -> Tensor:
    """(…, R, R+2W) → (…, R, 2W+1): the inverse of `_onto_diagonals` on the band that it fills."""
    rows = wide.shape[-2]
    return F.pad(wide.flatten(-2), (0, rows)).unflatten(-1, (rows, -1))[..., : 2 * WINDOW + 1]
