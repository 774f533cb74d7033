"""Convert: a recording and a voice, and the recording in that voice."""
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.context import Context
from gradio.data_classes import FileData

from rvc.commands.terminal import spoken
from rvc.errors import AudioError, SettingsError
from rvc.progress import Report, Step
from rvc.settings.conversion import ConversionSettings
from rvc.workspace import Workspace, voice_names
from tabs.form import Form
from tabs.jobs import Jobs
from tabs.results import free_place, keep_facts

if TYPE_CHECKING:
    from rvc.conversion.session import Result

TITLE = "Convert"
MAIN = ("retrieval.index_rate", "retrieval.protect", "output.volume_envelope", "melody.f0_method")
OMITTED = ("melody.f0_save", "compute.overwrite")  # the page has its own place for results, and never replaces one
AT_ONCE = 8  # as many as the queue of the page holds; all but one of them wait

STYLE = """
p {margin: 0; overflow-wrap: anywhere}
p + p {margin-top: 4px}
.note, .place {color: var(--body-text-color-subdued); font-size: 0.9rem}
"""


def build(workspace: Workspace) -> None:
    """Lay out recording, voice and result; the options below them."""
    form, jobs = Form(ConversionSettings, omit=OMITTED), Jobs()
    with gr.Row():
        recording = gr.Audio(sources=["upload", "microphone"], type="filepath", label="Recording", editable=False,
                             buttons=["download"], elem_id="recording", min_width=300)
        with gr.Column(min_width=300):
            voice = gr.Dropdown(voice_names(workspace), label="Voice", elem_id="voice")
            absent = gr.HTML(css_template=STYLE, visible=False, elem_id="absent")
            form["melody.pitch"].render()
            with gr.Row():
                start = gr.Button("Convert", variant="primary", elem_id="convert", scale=3)
                stop = gr.Button("Stop", interactive=False, elem_id="stop", scale=1)
    player = gr.Audio(label="Result", interactive=False, buttons=["download"], elem_id="result")
    player.postprocess = lambda path: served(player, path)
    told = gr.HTML(label="Facts", css_template=STYLE, elem_id="told")
    with gr.Row(elem_classes="options"):
        for name in MAIN:
            form[name].render()
    with gr.Accordion("More options", open=False):
        form.place_rest()

    def work(report: Report, file: dict | None, voice: Any, *values: Any) -> tuple[str, str]:
        return convert(workspace, form, report, file, voice, values)

    handler = jobs.handler(work, ["file", "voice", *form.names], stopped=(None, line("Stopped.")))
    quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    can_stop = {state: f"() => ({{__type__: 'update', interactive: {state}}})" for state in ("true", "false")}
    start.click(None, None, stop, js=can_stop["true"], **quiet)  # first, since the next one awaits the job
    # Without Gradio's own checks: the settings judge every value, and say in one sentence what is wrong with it.
    job = start.click(handler, [recording, voice, *form.widgets.values()], [player, told], preprocess=False,
                      api_name="convert", concurrency_id="gpu", concurrency_limit=AT_ONCE, show_progress_on=player)
    for ended in (job.then, job.failure):
        ended(None, None, stop, js=can_stop["false"], **quiet)
    stop.click(jobs.stop, None, None, **quiet)
    gr.on([Context.root_block.load, voice.focus], lambda chosen: offered(workspace, chosen), voice, [voice, absent],
          preprocess=False, **quiet)
    Context.root_block.unload(jobs.stop)


def convert(workspace: Workspace, form: Form, report: Report, file: dict | None, voice: Any,
            values: Sequence[Any]) -> tuple[str, str]:
    """The path of the result, and what is told of it.  file: what Gradio says of an upload.  Raises `RvcError`."""
    folder = chosen_voice(workspace, voice)
    source = uploaded(file)
    settings = form.settings(values)
    report(Step("Loading the voice"))
    from rvc.conversion.opening import open_session  # here, so that the page opens without PyTorch

    try:
        session = open_session(workspace, str(folder), settings)
    except SettingsError as problem:
        raise form.labelled(problem) from None
    target = free_place(workspace, source.stem, folder.name, settings.output.format or "wav")
    result = session.convert(source, target, report)
    keep_facts(result)
    return str(target), summary(result)


def chosen_voice(workspace: Workspace, name: Any) -> Path:
    """The folder of a voice of the workspace; a path is no name.  Raises `SettingsError`."""
    names = voice_names(workspace)
    if not names:
        raise SettingsError("", how_to_add(workspace))
    if not name:
        raise SettingsError("", f"No voice is chosen; choose one of {', '.join(names)}.")
    if name not in names:
        raise SettingsError("Voice", f"there is no {str(name)[:100]!r}; choose one of {', '.join(names)}.")
    return workspace.voices / name


def uploaded(file: dict | None) -> Path:
    if not file:
        raise AudioError("There is no recording yet; drop a sound file, or record one.")
    return Path(file["path"])


def how_to_add(workspace: Workspace) -> str:
    place = workspace.voices / "NAME" / "NAME.pth"
    return f"There is no voice yet: put a voice file into a folder of its own, as {place}."


def offered(workspace: Workspace, chosen: Any) -> tuple[gr.Dropdown, gr.HTML]:
    """The voices that there are now, and how to add one when there is none."""
    names = voice_names(workspace)
    value = chosen if chosen in names else next(iter(names), None)
    return gr.Dropdown(names, value=value), gr.HTML(line(how_to_add(workspace)), visible=not names)


def served(player: gr.Audio, path: str | None) -> FileData | None:
    """A result as the player gets it: copied to where Gradio may read, bit for bit.

    Gradio's own way makes an mp3 of every format that it does not list, such as wav of 24 bits.
    """
    return path and FileData(path=player.move_resource_to_block_cache(path), orig_name=Path(path).name)


def summary(result: "Result") -> str:
    """What was made, how fast and of what; notes; where it lies."""
    chosen = {name: text.partition(" (")[0] for name, text in result.choices.items()}
    melody = f"; pitch by {chosen['f0_method']}" if "f0_method" in chosen else ""
    facts = (f"{duration(result.seconds)} of sound in {duration(result.took)} on {chosen['device']}{melody}; "
             f"index {result.choices['index']}.")
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in result.notes)
    return (f'<div role="status"><p>{escape(facts)}</p>{notes}'
            f'<p class="place">Kept as {escape(str(result.path))}</p></div>')


def line(sentence: str) -> str:
    return f'<div role="status"><p>{escape(sentence)}</p></div>'


def duration(seconds: float) -> str:
    """3.2 s, 3:05 min."""
    return f"{seconds:.1f} s" if seconds < 60 else spoken(seconds)
