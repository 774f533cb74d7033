"""Jobs of the page: one at a time, stopped when asked, and what goes wrong in one sentence."""
import threading
import time
from types import SimpleNamespace

import gradio as gr
import pytest

from rvc.errors import AudioError, Cancelled, RvcError
from rvc.progress import Step, silent
from tabs.jobs import Jobs, Pace, one_sentence


def asked_by(session: str) -> SimpleNamespace:
    """A request as far as jobs read it."""
    return SimpleNamespace(session_hash=session)


def until(truth) -> None:
    for _ in range(500):
        if truth():
            return
        time.sleep(0.01)
    raise AssertionError("It did not happen within five seconds.")


def endless(report) -> None:
    while True:
        report(Step("work"))
        time.sleep(0.005)


class Running:
    """A job in a thread of its own."""

    def __init__(self, jobs, session, work=endless):
        self.heard, self.ended = [], None
        self.thread = threading.Thread(target=self._run, args=(jobs, session, work), daemon=True)
        self.thread.start()

    def _run(self, jobs, session, work):
        try:
            self.ended = jobs.run(session, self.heard.append, work)
        except Exception as problem:
            self.ended = problem

    def end(self):
        self.thread.join(timeout=5)
        return self.ended


def test_a_stop_ends_the_job_of_its_own_session_alone():
    jobs = Jobs()
    job = Running(jobs, "a")
    until(lambda: job.heard)
    jobs.stop(asked_by("b"))
    seen = len(job.heard)
    until(lambda: len(job.heard) > seen)
    jobs.stop(asked_by("a"))
    assert isinstance(job.end(), Cancelled)
    assert jobs.run("a", silent, lambda report: "again") == "again"


def test_a_session_runs_one_job():
    jobs = Jobs()
    job = Running(jobs, "a")
    until(lambda: job.heard)
    with pytest.raises(RvcError, match="at work already"):
        jobs.run("a", silent, lambda report: None)
    jobs.stop(asked_by("a"))
    assert isinstance(job.end(), Cancelled)


def test_another_session_waits_its_turn_and_can_be_stopped_while_it_waits():
    jobs = Jobs()
    first = Running(jobs, "a")
    until(lambda: first.heard)
    second, third = Running(jobs, "b", lambda report: "done"), Running(jobs, "c", lambda report: "never")
    until(lambda: second.heard and third.heard)
    assert second.heard[0].what.startswith("Waiting")
    jobs.stop(asked_by("c"))
    assert isinstance(third.end(), Cancelled)
    jobs.stop(asked_by("a"))
    assert isinstance(first.end(), Cancelled) and second.end() == "done"


def test_a_job_that_fails_leaves_the_way_free():
    jobs = Jobs()
    with pytest.raises(ZeroDivisionError):
        jobs.run("a", silent, lambda report: 1 / 0)
    assert jobs.run("a", silent, lambda report: "well") == "well"


def test_the_api_has_the_names_and_a_stop_has_a_result():
    jobs = Jobs()
    handler = jobs.handler(lambda report, file, pitch: (file, pitch), ["file", "pitch"], stopped="Stopped.")
    with gr.Blocks() as page:
        boxes = [gr.Textbox(), gr.Number(3)]
        gr.Button().click(handler, boxes, gr.Textbox(), api_name="work")
    parameters = page.get_api_info()["named_endpoints"]["/work"]["parameters"]
    assert [(part["parameter_name"], part["parameter_default"]) for part in parameters] == [("file", None),
                                                                                              ("pitch", 3)]
    progress = gr.Progress()
    assert handler(asked_by("a"), "x", 4, progress) == ("x", 4)

    def stopped(report):
        jobs.stop(asked_by("a"))
        report(Step("work"))

    assert jobs.handler(stopped, [], stopped="Stopped.")(asked_by("a"), progress) == "Stopped."


def test_a_problem_is_one_sentence_and_text():
    with pytest.raises(gr.Error) as shown, one_sentence():
        raise AudioError("<b>.wav isn't a sound.")
    assert shown.value.message == "&lt;b&gt;.wav isn't a sound." and not shown.value.print_exception


def test_a_bug_goes_to_the_log_and_its_text_does_not_reach_the_page(caplog):
    with pytest.raises(gr.Error) as shown, one_sentence():
        raise ValueError("/home/ada/secret")
    assert shown.value.message == "Unexpected ValueError; details are in the log."
    assert "secret" in caplog.text and "Traceback" in caplog.text


def test_the_rest_is_told_at_the_pace_so_far():
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert pace.told(Step("in.wav", 0, 100)) == "in.wav"
    now[0] = 1.0
    assert pace.told(Step("in.wav", 20, 100)) == "in.wav"
    now[0] = 4.0
    assert pace.told(Step("in.wav", 25, 100)) == "in.wav, 12 s left"
    assert pace.told(Step("other.wav", 25, 100)) == "other.wav"
