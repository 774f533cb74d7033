"""The rate at every moment, by the numbers."""
import pytest

from rvc.training.schedule import Schedule, decay, factor, warmup


def test_warm_up_by_the_numbers():
    assert [warmup("linear", n, 4) for n in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert [warmup("cosine", n, 4) for n in range(5)] == pytest.approx([0.1464466, 0.5, 0.8535534, 1, 1])
    assert warmup("none", 0, 100) == 1


def test_it_rises_in_its_own_unit():
    in_epochs, in_steps = (Schedule("linear", 10, unit, "none") for unit in ("epochs", "steps"))
    assert factor(in_epochs, step=1000, epoch=1) == 0.2
    assert factor(in_steps, step=1, epoch=1000) == 0.2


def test_decay_by_the_numbers():
    exponential = Schedule(decay="exponential", gamma=0.999875)
    assert decay(exponential, 0) == 1
    assert decay(exponential, 200) == pytest.approx(0.975309, rel=1e-5)
    cosine = Schedule(decay="cosine", epochs=100, floor=0.3)
    assert [decay(cosine, epoch) for epoch in (0, 50, 100, 150)] == pytest.approx([1, 0.65, 0.3, 0.3])
    assert decay(Schedule(decay="none"), 10_000) == 1


def test_warm_up_and_decay_multiply():
    assert factor(Schedule("linear", 4, "epochs", "exponential", gamma=0.5), step=0, epoch=1) == 0.25
