"""An inverted file of a voice's frames: cells of similar frames, of which a query searches one.

J. Johnson, M. Douze and H. Jégou, "Billion-scale similarity search with GPUs" (2017).  Building and searching is left
to FAISS, and so is writing; reading is not, for FAISS trusts the files that it reads.
"""
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isqrt
from typing import BinaryIO

import faiss
import numpy as np
import torch
from torch import Tensor

from rvc.errors import DatasetError, RvcError, VoiceFileError
from rvc.retrieval.reduction import reduce

BLOCK = 8192  # vectors added at a time
FRAMES_A_CELL = 39  # below this FAISS finds a cell too poor to train


def cells(vectors: int) -> int:
    """Into how many cells so many vectors are sorted, ⌊16 √N⌋ but at least 39 vectors a cell: the community's rule."""
    return max(1, min(isqrt(256 * vectors), vectors // FRAMES_A_CELL))


class FaissIndex:
    """A `Retriever` over an inverted file with plain float32 vectors, or over one flat list.

    threads: of a query.  One by default: a query is short, and FAISS keeps its own pool of threads, which would
    compete with the pool in which torch is running the networks.
    """

    def __init__(self, index: "faiss.IndexIVFFlat | faiss.IndexFlat", *, threads: int = 1):
        self.index = index
        self.threads = threads

    @property
    def width(self) -> int:
        return self.index.d

    def __len__(self) -> int:
        return self.index.ntotal

    @classmethod
    def build(cls, content: Tensor, *, threads: int | None = None) -> "FaissIndex":
        """See `Retriever`.  threads: None takes every core that OpenMP gives (OMP_NUM_THREADS).

        The same content gives the same index.  Raises `DatasetError` for no vectors or values that are not finite.
        """
        vectors = _checked(content)
        with faiss_threads(threads):
            vectors = reduce(vectors)
            index = _inverted_file(vectors.shape[1], cells(len(vectors)))
            index.cp.min_points_per_centroid = 1  # a single cell takes any number, without a warning on the terminal
            index.train(vectors)
            for start in range(0, len(vectors), BLOCK):
                index.add(vectors[start:start + BLOCK])
        return cls(index)

    @classmethod
    def from_lists(cls, vectors: np.ndarray, centroids: np.ndarray | None,
                   lists: Sequence[np.ndarray] = ()) -> "FaissIndex":
        """As a file holds it: vectors (N, D); the cells' centroids (L, D) and, for each, its rows of vectors.

        Every vector stays in the cell where the file has it.  Without centroids all are one flat list.
        """
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if centroids is None:
            flat = faiss.IndexFlatL2(vectors.shape[1])
            flat.add(vectors)
            return cls(flat)
        index = _inverted_file(vectors.shape[1], len(centroids))
        index.quantizer.add(np.ascontiguousarray(centroids, dtype=np.float32))
        index.is_trained = True
        for cell, rows in enumerate(lists):
            _fill(index, cell, np.ascontiguousarray(rows, dtype=np.int64), vectors)
        return cls(index)

    def neighbours(self, content: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """See `Retriever`; the answer is on the device of the content.

        Raises `VoiceFileError` for content of another width, `RvcError` for values that are not finite.
        """
        check_width(self.width, content.shape[-1])
        if not bool(content.isfinite().all()):
            raise RvcError("The content encoder gave values that are not numbers; its weights are damaged, so fetch "
                           "them again.")
        queries = np.ascontiguousarray(content.detach().float().cpu().numpy())
        with faiss_threads(self.threads):
            distances, rows, vectors = self.index.search_and_reconstruct(queries, k)
        absent = rows < 0
        distances[absent], vectors[absent] = np.inf, 0
        return torch.from_numpy(vectors).to(content.device), torch.from_numpy(distances).to(content.device)

    def write(self, file: BinaryIO) -> None:
        """In the community's format, which FAISS and every program of the RVC family reads."""
        faiss.write_index(self.index, faiss.PyCallbackIOWriter(file.write))


def check_width(held: int, wanted: int) -> None:
    """Raises `VoiceFileError` when an index of held values a frame meets content of another width."""
    if held != wanted:
        raise VoiceFileError(f"The index holds {held} values a frame and the voice needs {wanted}; use the index that "
                             "was made with this voice, or none.")


@contextmanager
def faiss_threads(count: int | None) -> Iterator[None]:
    """At most so many threads in FAISS while it lasts; None leaves it as it is."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count or before)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _inverted_file(width: int, count: int) -> "faiss.IndexIVFFlat":
    quantizer = faiss.IndexFlatL2(width)
    index = faiss.IndexIVFFlat(quantizer, width, count, faiss.METRIC_L2)
    index.own_fields = True
    quantizer.this.disown()  # the index frees it
    index.nprobe = 1  # cells a query searches, as in the community's programs
    return index


def _fill(index: "faiss.IndexIVFFlat", cell: int, rows: np.ndarray, vectors: np.ndarray) -> None:
    values = np.ascontiguousarray(vectors[rows])
    index.invlists.add_entries(cell, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(values.view(np.uint8)))
    index.ntotal += len(rows)


def _checked(content: Tensor) -> np.ndarray:
    if content.ndim != 2 or 0 in content.shape:
        raise DatasetError("There are no frames to build an index from; prepare the dataset first.")
    if not bool(content.isfinite().all()):
        raise DatasetError("Some frames hold values that are not numbers; delete the features and extract them again.")
    return np.ascontiguousarray(content.detach().float().cpu().numpy())
