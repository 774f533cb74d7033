"""What FAISS wrote is read without it, number for number."""
import faiss
import numpy as np
import pytest
import torch
from forge import SMALL_INDEX

from rvc.retrieval.faiss_index import FaissIndex
from rvc.voicefile.index import read_index


def vectors(count: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((count, width)).astype(np.float32)


def written(path, kind: str, count: int, width: int) -> np.ndarray:
    stored = vectors(count, width)
    index = faiss.index_factory(width, kind)
    index.train(vectors(max(count, 2000), width))
    index.add(stored)
    faiss.write_index(index, str(path))
    return stored


@pytest.mark.parametrize("width", [256, 768, 5])
@pytest.mark.parametrize("kind, count", [("Flat", 40), ("IVF8,Flat", 400), ("IVF50,Flat", 3), ("IVF1,Flat", 7)])
def test_vectors_come_in_the_order_of_their_ids(tmp_path, kind, count, width):
    path = tmp_path / "added_IVF_ö ’.index"
    stored = written(path, kind, count, width)
    data = read_index(path)
    assert np.array_equal(data.vectors, stored) and data.width == width
    assert (data.centroids is None) == (kind == "Flat")


def test_both_forms_of_the_list_of_sizes_are_read(tmp_path):
    for kind, count, form in (("IVF8,Flat", 400, b"full"), ("IVF50,Flat", 3, b"sprs")):
        written(tmp_path / "a.index", kind, count, 256)
        assert form in (tmp_path / "a.index").read_bytes()
        read_index(tmp_path / "a.index")


def test_the_cells_are_faisss_own():
    data, index = read_index(SMALL_INDEX), faiss.read_index(str(SMALL_INDEX))
    assert np.array_equal(data.centroids, index.quantizer.reconstruct_n(0, index.nlist))
    index.make_direct_map()
    assert np.array_equal(data.vectors, index.reconstruct_n(0, index.ntotal))
    for cell, ids in enumerate(data.lists):
        size = index.invlists.list_size(cell)
        assert np.array_equal(ids, faiss.rev_swig_ptr(index.invlists.get_ids(cell), size))


def test_an_index_with_a_kept_table_of_ids(tmp_path):
    index = faiss.index_factory(256, "IVF8,Flat")
    index.train(vectors(400, 256))
    index.make_direct_map()
    index.add(vectors(400, 256))
    faiss.write_index(index, str(tmp_path / "a.index"))
    assert np.array_equal(read_index(tmp_path / "a.index").vectors, vectors(400, 256))


def test_an_index_built_from_the_arrays_answers_as_the_file_does():
    data, original = read_index(SMALL_INDEX), faiss.read_index(str(SMALL_INDEX))
    rebuilt = FaissIndex.from_lists(data.vectors, data.centroids, data.lists)
    queries = vectors(60, 768)
    found, distances = rebuilt.neighbours(torch.from_numpy(queries), 8)
    expected, rows = original.search(queries, 8)
    assert np.array_equal(distances.numpy()[rows >= 0], expected[rows >= 0])
    assert np.array_equal(found.numpy()[rows >= 0], data.vectors[rows[rows >= 0]])
