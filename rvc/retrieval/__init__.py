"""Whose habits: the frames that a voice was heard to make, found again for the frames it is asked to make."""
from typing import TYPE_CHECKING, Protocol, Self

from rvc.registry import Entry, Registry

if TYPE_CHECKING:
    from torch import Tensor


class Retriever(Protocol):
    """A store of content vectors that can be asked for those nearest to others.

    width: D; len: how many vectors it holds.
    """

    width: int

    def __len__(self) -> int: ...

    @classmethod
    def build(cls, content: "Tensor", *, threads: int | None = None) -> Self:
        """From content (M, D), every frame of the voice; threads: None takes every core."""

    def neighbours(self, content: "Tensor", k: int) -> tuple["Tensor", "Tensor"]:
        """For content (T, D) the vectors (T, k, D) and squared Euclidean distances (T, k), nearest first.

        Where fewer than k were found the distance is infinite and the vector 0.
        """


RETRIEVERS = Registry("retriever", {
    "faiss": Entry("rvc.retrieval.faiss_index:FaissIndex", "FAISS",
                   "The community's .index file: it searches only the cell of similar frames that a frame falls into."),
})
