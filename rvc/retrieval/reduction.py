"""Fewer frames that still cover the voice: the centres of k-means."""
import faiss
import numpy as np

MOST_VECTORS = 200_000
CENTRES = 10_000
SAMPLE = 20  # vectors a centre that are looked at, drawn at random
ROUNDS = 4  # of Lloyd's algorithm


def reduce(vectors: np.ndarray) -> np.ndarray:
    """(M, D) float32 → the same when M ≤ 200 000, else the 10 000 centres (10 000, D) of their clusters."""
    return vectors if len(vectors) <= MOST_VECTORS else centres(vectors, CENTRES)


def centres(vectors: np.ndarray, count: int) -> np.ndarray:
    """(count, D) float32, the same at every call.

    FAISS's k-means on a sample, on every core that FAISS may use.  The community takes scikit-learn's mini-batches,
    which need several times the processor time and end further from the vectors.
    """
    means = faiss.Kmeans(vectors.shape[1], count, niter=ROUNDS, seed=0, max_points_per_centroid=SAMPLE,
                         min_points_per_centroid=1)
    means.train(vectors)
    return means.centroids
