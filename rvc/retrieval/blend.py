"""How far the content of a frame moves towards what the voice itself was heard to say."""
import torch
from torch import Tensor

from rvc.retrieval import Retriever

NEIGHBOURS = 8
BLOCK = 512  # frames a query: 512 · 8 · 768 floats are 12 MB, however long the recording
EXACT = 1e-30  # squared distance: below it a neighbour is the frame itself
PROTECT_OFF = 0.5


def retrieve(retriever: Retriever, content: Tensor, *, rate: float, k: int = NEIGHBOURS) -> Tensor:
    """content (T, D) at 50 Hz with each frame moved towards the mean of its k nearest in the voice.

    rate: 0 keeps the content, 1 replaces it; in between the move is linear.
    """
    if rate <= 0:
        return content
    found = [nearest_mean(block, *retriever.neighbours(block, k)) for block in content.split(BLOCK)]
    return torch.lerp(content, torch.cat(found), min(rate, 1.0)) if found else content


def nearest_mean(content: Tensor, vectors: Tensor, distances: Tensor) -> Tensor:
    """(T, D): the mean of vectors (T, k, D) weighted by 1/d⁴, where distances (T, k) are d².

    Only ratios to the nearest are taken, so that nothing overflows: an exact hit has ratio 1, leaves 0 to all others
    and is itself the mean (the plain formula divides by 0 there).  A frame without any neighbour keeps its content.
    """
    nearest = distances.amin(1, keepdim=True).clamp_min(EXACT)
    weights = (nearest / distances.clamp_min(EXACT)).square()
    mean = torch.einsum("tk,tkd->td", weights / weights.sum(1, keepdim=True), vectors)
    return torch.where(nearest.isfinite(), mean, content)


def protect_consonants(content: Tensor, original: Tensor, voiced: Tensor, protect: float) -> Tensor:
    """content (T, D) at 100 Hz, in unvoiced frames moved back towards the original (T, D) from before retrieval.

    voiced: (T,) bool.  protect: 0 gives the original back, and lower is stronger; 0.5 and above is off, the number
    as the community speaks it.
    """
    if protect >= PROTECT_OFF:
        return content
    return torch.where(voiced[:, None], content, torch.lerp(original, content, protect))
