"""The index against numbers of the reference implementation, and at the sizes where implementations break."""
import hashlib
import io
from pathlib import Path

import faiss
import numpy as np
import pytest
import torch

from rvc.errors import DatasetError, RvcError, VoiceFileError
from rvc.registry import Entry
from rvc.retrieval import RETRIEVERS
from rvc.retrieval.blend import retrieve
from rvc.retrieval.faiss_index import FaissIndex, cells, faiss_threads
from rvc.retrieval.reduction import MOST_VECTORS, centres, reduce
from tests.golden import rule

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "retrieval" / "retrieval.npz")
SMALL_SHA256 = "1831e9f34102fc299de244ef7d63653a85fcd5b79b9c000a23b0cddee43f1182"  # the file small_ivf10.index


@pytest.fixture(scope="module")
def base() -> np.ndarray:
    return np.float32(0.3) * rule.normal("retrieval:base", (4000, 768))


@pytest.fixture(scope="module")
def query(base) -> torch.Tensor:
    picked = base[rule.generator("retrieval:pick").integers(0, 4000, 60)]
    return torch.from_numpy((picked + 0.15 * rule.normal("retrieval:noise", (60, 768))).astype(np.float32))


@pytest.fixture(scope="module")
def small(base) -> FaissIndex:
    """The index that the reference implementation built: 390 vectors in 10 cells, each in the cell of the file."""
    lists = np.split(GOLDEN["small_rows"], np.cumsum(GOLDEN["small_cells"])[:-1])
    return FaissIndex.from_lists(base[:390], GOLDEN["small_centroids"], lists)


@pytest.fixture(scope="module")
def flat(base) -> FaissIndex:
    return FaissIndex.from_lists(base, None)


@pytest.mark.parametrize("which", ["flat", "small"])
def test_neighbours_are_those_of_the_reference(which, base, query, request):
    vectors, distances = request.getfixturevalue(which).neighbours(query, 8)
    assert np.array_equal(vectors.numpy(), base[GOLDEN[f"retr_{which}_ix"]])
    np.testing.assert_allclose(distances.numpy(), GOLDEN[f"retr_{which}_score"], rtol=1e-5)


@pytest.mark.parametrize("which, rate", [("flat", 0.75), ("flat", 1.0), ("small", 0.75)])
def test_the_blend_is_that_of_the_reference(which, rate, query, request):
    blended = retrieve(request.getfixturevalue(which), query, rate=rate)
    np.testing.assert_allclose(blended[:, :64].numpy(), GOLDEN[f"retr_{which}_blend_{rate}_first64"], atol=1e-5, rtol=0)


def test_an_exact_hit_gives_that_neighbour_where_the_reference_gives_nan(base, flat, small):
    """A frame that the voice really said is the best match there is: distance 0, so all the weight."""
    assert np.isnan(GOLDEN["retr_exact_hit_blend_first64"]).all()
    asked = torch.from_numpy(base[:8])
    assert torch.equal(retrieve(small, asked, rate=1.0), asked)
    assert torch.equal(retrieve(flat, asked, rate=1.0), asked)
    torch.testing.assert_close(retrieve(small, asked, rate=0.75), asked, atol=1e-6, rtol=0)


def test_what_we_write_is_the_reference_s_file_byte_for_byte(small):
    assert hashlib.sha256(_written(small)).hexdigest() == SMALL_SHA256


def test_faiss_reads_what_we_build_and_answers_the_same(base, query):
    ours = FaissIndex.build(torch.from_numpy(base[:1000]))
    theirs = faiss.deserialize_index(np.frombuffer(_written(ours), np.uint8))
    assert isinstance(theirs, faiss.IndexIVFFlat)
    assert theirs.metric_type == faiss.METRIC_L2 and theirs.nprobe == 1 and theirs.nlist == 25
    assert np.array_equal(theirs.reconstruct_n(0, 1000), base[:1000])
    assert np.array_equal(theirs.search(query.numpy(), 8)[0], ours.neighbours(query, 8)[1].numpy())


@pytest.mark.parametrize("vectors, count", [(1, 1), (38, 1), (39, 1), (77, 1), (78, 2), (4000, 102), (10_000, 256),
                                            (389_376, 9984), (389_377, 9984), (1_000_000, 16_000)])
def test_cells_follow_the_community_s_rule(vectors, count):
    assert cells(vectors) == count


@pytest.mark.parametrize("count", [1, 3, 38, 39, 40])
def test_small_voices_have_an_index_too(count, base, query, capfd):
    index = FaissIndex.build(torch.from_numpy(base[:count]))
    assert len(index) == count and index.width == 768
    _, distances = index.neighbours(query, 8)
    assert torch.isfinite(distances).sum(1).eq(min(8, count)).all()
    assert torch.isfinite(retrieve(index, query, rate=1.0)).all()
    assert torch.equal(retrieve(index, torch.from_numpy(base[:1]), rate=1.0)[0], torch.from_numpy(base[0]))
    assert capfd.readouterr() == ("", "")


def test_building_twice_gives_the_same_bytes(base):
    content = torch.from_numpy(base[:500])
    assert _written(FaissIndex.build(content, threads=1)) == _written(FaissIndex.build(content, threads=2))


def test_the_index_finds_most_of_the_true_neighbours_of_clustered_speech():
    """Speech comes in phones.  One cell in 25 is searched, and still the nearest neighbour is mostly the true one."""
    phones = rule.normal("phones", (30, 64))
    said = torch.from_numpy(np.repeat(phones, 40, 0) + 0.2 * rule.normal("said", (1200, 64)))
    asked = torch.from_numpy(np.repeat(phones, 2, 0) + 0.2 * rule.normal("asked", (60, 64)))
    found = FaissIndex.build(said).neighbours(asked, 1)[1]
    truth = FaissIndex.from_lists(said.numpy(), None).neighbours(asked, 1)[1]
    assert (found <= truth * 1.0001).float().mean() > 0.8


def test_width_of_another_voice_is_refused_by_name(flat):
    with pytest.raises(VoiceFileError, match="holds 768 values a frame and the voice needs 256"):
        flat.neighbours(torch.zeros(3, 256), 8)


@pytest.mark.parametrize("content", [torch.zeros(0, 768), torch.zeros(5, 0), torch.full((50, 8), torch.nan),
                                     torch.full((50, 8), torch.inf)])
def test_nothing_and_not_a_number_make_no_index(content):
    with pytest.raises(DatasetError):
        FaissIndex.build(content)


def test_not_a_number_is_not_looked_up(flat):
    with pytest.raises(RvcError, match="not numbers"):
        flat.neighbours(torch.full((2, 768), torch.nan), 8)


def test_no_frames_have_no_neighbours(small):
    vectors, distances = small.neighbours(torch.zeros(0, 768), 8)
    assert vectors.shape == (0, 8, 768) and distances.shape == (0, 8)


def test_threads_are_given_back():
    before = faiss.omp_get_max_threads()
    with pytest.raises(ZeroDivisionError), faiss_threads(before + 1):
        assert faiss.omp_get_max_threads() == before + 1
        1 / 0  # noqa: B018
    assert faiss.omp_get_max_threads() == before


def test_reduction_leaves_200_000_vectors_alone_and_makes_10_000_of_more():
    kept = np.broadcast_to(np.float32(1), (MOST_VECTORS, 2))
    assert reduce(kept) is kept


def test_centres_stand_in_the_middle_of_what_they_replace():
    corners = np.array([[0, 0], [0, 9], [9, 0], [9, 9]], np.float32)
    said = np.repeat(corners, 2500, 0) + 0.1 * rule.normal("cloud", (10_000, 2))
    found = centres(said, 40)
    assert found.shape == (40, 2) and found.dtype == np.float32
    distance = np.linalg.norm(found[:, None] - corners, axis=-1).min(1)
    assert distance.max() < 0.4 and np.array_equal(found, centres(said, 40))


@pytest.mark.nightly
def test_a_million_frames_become_an_index_of_10_000():
    phones = rule.normal("phones", (200, 256))
    said = np.repeat(phones, 5000, 0)
    said += 0.2 * rule.generator("said").standard_normal(said.shape, dtype=np.float32)
    index = FaissIndex.build(torch.from_numpy(said))
    assert len(index) == 10_000 and index.index.nlist == 256
    asked = torch.from_numpy(phones)
    assert (index.neighbours(asked, 8)[1][:, 0] < 0.2**2 * 256).all()  # no phone was forgotten


@pytest.mark.parametrize("entry", RETRIEVERS.values(), ids=list(RETRIEVERS))
def test_every_retriever_keeps_its_word(entry: Entry, base):
    name = next(key for key, value in RETRIEVERS.items() if value is entry)
    retriever = RETRIEVERS.load(name).build(torch.from_numpy(base[:50]))
    vectors, distances = retriever.neighbours(torch.from_numpy(base[40:60]), 60)
    assert vectors.shape == (20, 60, 768) and distances.shape == (20, 60)
    assert (distances.diff(dim=1)[torch.isfinite(distances[:, 1:])] >= 0).all()
    assert torch.isinf(distances[:, 50:]).all() and (vectors[:, 50:] == 0).all()
    assert len(retriever) == 50 and retriever.width == 768


def _written(index: FaissIndex) -> bytes:
    file = io.BytesIO()
    index.write(file)
    return file.getvalue()
