"""Attention in blocks of rows is attention, and every distance has its own position."""
from math import sqrt

import pytest
import rule
import torch

from rvc.synthesis import attention
from rvc.synthesis.attention import WINDOW, RelativeAttention


def plain(layer: RelativeAttention, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Frame by frame, as the formula says."""
    query, key, value = (layer._split(conv(x))[0] for conv in (layer.conv_q, layer.conv_k, layer.conv_v))
    frames, heard = x.shape[-1], torch.zeros_like(query)
    for head in range(layer.heads):
        for i in range(frames):
            near = {j: j - i + WINDOW for j in range(frames) if abs(j - i) <= WINDOW}
            q = query[head, i] / sqrt(query.shape[-1])
            score = torch.stack([q @ key[head, j] + (q @ layer.emb_rel_k[0, near[j]] if j in near else 0)
                                 if mask[0, 0, i] and mask[0, 0, j] else torch.tensor(-1e4) for j in range(frames)])
            weights = score.softmax(0)
            heard[head, i] = weights @ value[head]
            heard[head, i] += sum(weights[j] * layer.emb_rel_v[0, o] for j, o in near.items())
    return layer.conv_o(heard.transpose(1, 2).reshape(1, -1, frames))


@torch.no_grad()
@pytest.mark.parametrize("frames, rows", [(7, 1024), (40, 1024), (40, 9), (40, 1), (25, 11)])
def test_blocks_of_rows_hear_what_the_formula_says(monkeypatch, frames, rows):
    monkeypatch.setattr(attention, "ROWS", rows)
    torch.manual_seed(0)
    layer = RelativeAttention(8, 2)
    x = torch.from_numpy(rule.normal("attention", (1, 8, frames)))
    mask = (torch.arange(frames) < frames - 3).float()[None, None]
    assert torch.allclose(layer(x, mask), plain(layer, x, mask), atol=1e-5)
