"""Fewer frames that still cover the voice: the centres of mini-batch k-means (Sculley, 2010)."""
import numpy as np
from threadpoolctl import threadpool_limits

MOST_VECTORS = 200_000
CENTRES = 10_000
BATCH = 4096  # fixed, so that the same recordings give the same index on a machine with any number of cores


def reduce(vectors: np.ndarray, *, threads: int | None = None) -> np.ndarray:
    """(M, D) → the same when M ≤ 200 000, else the 10 000 centres (10 000, D) of their clusters, float32."""
    if len(vectors) <= MOST_VECTORS:
        return vectors
    return centres(vectors, CENTRES, threads=threads)


def centres(vectors: np.ndarray, count: int, *, threads: int | None = None) -> np.ndarray:
    """(count, D) float32; starts from vectors drawn with a fixed seed."""
    from sklearn.cluster import MiniBatchKMeans  # here, for it takes a second and most voices need none

    means = MiniBatchKMeans(count, init="random", n_init=1, batch_size=BATCH, compute_labels=False, random_state=0)
    with threadpool_limits(threads):
        return np.ascontiguousarray(means.fit(vectors).cluster_centers_, dtype=np.float32)
