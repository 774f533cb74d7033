"""Progress: whoever listens can stop the work, and only they."""
import pytest

from rvc.errors import Cancelled, RvcError
from rvc.progress import Step, silent, stoppable


def test_steps_pass_until_somebody_asks_for_a_stop():
    heard, asked = [], []
    report = stoppable(heard.append, lambda: bool(asked))
    report(Step("slice", 1, 3))
    asked.append(True)
    with pytest.raises(Cancelled):
        report(Step("slice", 2, 3))
    assert heard == [Step("slice", 1, 3)]


def test_a_stop_is_not_an_error():
    assert not issubclass(Cancelled, RvcError)


def test_nobody_needs_to_listen():
    assert silent(Step("anything")) is None
    assert Step("anything").total == 0 and Step("anything").facts == {}
