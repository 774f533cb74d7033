"""What a terminal is told while something long is done."""
import io
import sys

import pytest

from rvc.commands.terminal import CLEAR, TimeLeft, cleared, spoken, written_over
from rvc.progress import Step, silent


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("seconds, text", [(0, "0 s"), (7.4, "7 s"), (59.6, "1:00 min"), (185, "3:05 min"),
                                           (3723, "1:02:03 h")])
def test_durations_are_spoken(seconds, text):
    assert spoken(seconds) == text


def test_the_time_left_is_that_of_the_pace_so_far():
    now = [0.0]
    say = TimeLeft(clock=lambda: now[0])
    assert say(Step("a.wav", 0, 100)) == "  a.wav"
    now[0] = 1.0
    assert say(Step("a.wav", 10, 100)) == "  a.wav: 10 %"  # too early to tell
    now[0] = 10.0
    assert say(Step("a.wav", 25, 100)) == "  a.wav: 25 %, 30 s left"
    now[0] = 11.0
    assert say(Step("b.wav", 50, 100)) == "  b.wav: 50 %"  # another file, another pace


def test_one_line_is_written_over_in_a_terminal_and_none_elsewhere(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    written_over(lambda step: step.what)(Step("half"))
    assert sys.stdout.getvalue() == CLEAR + "half" and cleared() == CLEAR
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert written_over(lambda step: step.what) is silent and cleared() == ""
