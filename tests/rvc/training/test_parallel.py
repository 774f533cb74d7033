"""Two processes with half of a batch each learn what one process learns from the whole."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small
import torch
from safetensors.torch import load_file

PROGRAM = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What the two have written."""
    folder = tmp_path_factory.mktemp("two processes")
    ranks = [subprocess.Popen([sys.executable, PROGRAM, folder / "meeting", folder],
                              env={**os.environ, "RANK": str(rank), "OMP_NUM_THREADS": "1"}) for rank in (0, 1)]
    try:
        assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    finally:
        for rank in ranks:
            rank.kill()
    return [load_file(folder / f"{rank}.safetensors") for rank in (0, 1)]


def test_gradients_of_two_halves_are_those_of_the_whole(results, written_noise):
    recipe = small.recipe(seed=0, optimizer="adamw")
    norm = recipe.step([small.batch(30, 24, 12, 16)], written_noise("half")).norm_generator
    for found in results:
        assert found["norm"].item() == pytest.approx(norm.item(), rel=1e-4)
        for name, learner in (("generator", recipe.generator), ("judges", recipe.judges)):
            for key, gradient in small.gradients(learner.network).items():
                assert torch.allclose(found[f"{name}/{key}"], gradient, rtol=1e-4,
                                      atol=1e-5 * (1 + gradient.abs().max().item())), key


def test_both_hold_the_same_gradients(results):
    gradients = [{key: value for key, value in found.items() if "/" in key} for found in results]
    assert small.same(*gradients)


def test_what_is_not_finite_in_one_process_stops_both(results):
    assert all(found["still"].all() for found in results)
