"""Rendering a long latent in pieces: the same sound from a decoder whose activations stay small.

The widest activations of a decoder run at the sample rate; for a minute of sound they fill gigabytes and leave every
cache.  A piece is rendered with as many frames around it as it can hear (`reach`), which are then cut away.
"""
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from rvc.synthesis.noise import Noise


def in_pieces(decoder, z: Tensor, excitation: tuple[Tensor, ...], speaker: Tensor, noise: Noise, *, hop: int,
              longest: int, wanted: Sequence[tuple[int, int]] | None = None) -> Tensor:
    """(B, C, T) → (B, 1, T·hop), where only the wanted ranges of frames [begin, end) sound, all of them if None.

    longest: frames in a piece, without what it hears around it.
    """
    frames = z.shape[-1]
    audio = z.new_zeros(len(z), 1, frames * hop)
    for begin, end in _split([(0, frames)] if wanted is None else wanted, longest):
        first, last = max(0, begin - decoder.reach), min(frames, end + decoder.reach)
        heard = tuple(_frames(level, first, last, frames) for level in excitation)
        sound = decoder.render(z[..., first:last], heard, speaker, noise)
        audio[..., begin * hop: end * hop] = sound[..., (begin - first) * hop: (end - first) * hop]
    return audio


def _split(ranges: Sequence[tuple[int, int]], longest: int) -> Iterator[tuple[int, int]]:
    for begin, end in ranges:
        count = -(-(end - begin) // longest)
        edges = torch.linspace(begin, end, count + 1).round().long().tolist()
        yield from zip(edges, edges[1:])


def _frames(level: Tensor, first: int, last: int, frames: int) -> Tensor:
    """(B, C, frames · k) → the part of it that belongs to frames [first, last)."""
    a_frame = level.shape[-1] // frames
    return level[..., first * a_frame: last * a_frame]
