"""Settings as widgets, and back."""
import dataclasses
import inspect
import math

import gradio as gr
import pytest

import rvc.settings.conversion
import rvc.settings.program
import rvc.settings.training
from rvc.errors import SettingsError
from rvc.options import Settings, build, flat, leaves
from rvc.settings.conversion import ConversionSettings
from rvc.settings.training import TrainSettings
from tabs.form import Form, explained

MODULES = (rvc.settings.conversion, rvc.settings.program, rvc.settings.training)
CLASSES = [found for module in MODULES for _, found in inspect.getmembers(module, inspect.isclass)
           if issubclass(found, Settings) and dataclasses.is_dataclass(found) and found.__module__ == module.__name__]


def held(form: Form) -> list:
    """What the widgets hold before anybody touches them."""
    return [widget.value for widget in form.widgets.values()]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_untouched_form_is_the_defaults(cls):
    form = Form(cls)
    assert form.settings(held(form)) == cls()
    assert list(form.widgets) == [leaf.name for leaf in leaves(cls)]
    assert len(set(form.names)) == len(form.names)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_widget_says_what_it_is_and_places_itself_once(cls):
    form = Form(cls)
    with gr.Blocks() as page:
        form.place_rest()
        form.place_rest()
    placed = [part["props"]["label"] for part in page.get_config_file()["components"]
              if part["type"] not in ("accordion", "markdown", "row", "form", "column")]
    assert len(placed) == len(form.widgets)
    for leaf in leaves(cls):
        widget = form[leaf.name]
        assert widget.label.startswith(leaf.option.label)
        assert leaf.option.help in (getattr(widget, "info", None) or widget.label)


def test_what_is_set_is_what_is_meant():
    form = Form(ConversionSettings, omit=("compute.overwrite",))
    values = dict(zip(form.widgets, held(form)))
    changed = {"melody.pitch": 7.0, "melody.hybrid_methods": ["fcpe", "pm"], "melody.f0_threshold": "0.25",
               "retrieval.index_rate": 1, "output.format": "flac", "compute.split_audio": True}
    settings = form.settings(list((values | changed).values()))
    assert settings == build(ConversionSettings, changed)
    assert type(settings.melody.pitch) is int and type(settings.retrieval.index_rate) is float
    assert flat(settings)["compute.overwrite"] is False


@pytest.mark.parametrize("name, value, sentence", [
    ("melody.pitch", 1e9, "Pitch: 1e+09 is outside the range -24 to 24 semitones."),
    ("melody.pitch", math.nan, "Pitch: nan is not a number."),
    ("melody.pitch", "abc", "Pitch: 'abc' is not a number."),
    ("melody.pitch", None, "Pitch: None is not a number."),
    ("melody.pitch", 0.5, "Pitch: 0.5 is not a whole number."),
    ("melody.f0_method", "loud", "Pitch method: 'loud' is not one of"),
    ("retrieval.protect", -0.01, "Protect consonants: -0.01 is outside the range 0 to 0.5."),
    ("retrieval.index", "/etc/passwd", "Index: this is no uploaded file."),
    ("retrieval.index", {"path": None}, "Index: this is no uploaded file.")])
def test_a_wrong_value_is_refused_under_its_label(name, value, sentence):
    form = Form(ConversionSettings)
    values = dict(zip(form.widgets, held(form))) | {name: value}
    with pytest.raises(SettingsError) as refusal:
        form.settings(list(values.values()))
    assert str(refusal.value).startswith(sentence)


def test_a_value_too_many_or_too_few_is_a_bug():
    form = Form(ConversionSettings)
    with pytest.raises(ValueError):
        form.settings(held(form)[:-1])


def test_a_problem_found_later_gets_its_label_too():
    form = Form(ConversionSettings)
    assert str(form.labelled(SettingsError("speaker", "there is none."))) == "Speaker: there is none."
    assert str(form.labelled(SettingsError("compute.device", "is absent."))) == "Device: is absent."
    assert str(form.labelled(SettingsError("", "No."))) == "No."


def test_an_option_that_does_not_exist_cannot_be_left_out():
    with pytest.raises(KeyError):
        Form(ConversionSettings, omit=("melody.volume",))


@pytest.mark.parametrize("cls, name, kind", [
    (ConversionSettings, "melody.autotune", gr.Checkbox), (ConversionSettings, "melody.pitch", gr.Slider),
    (ConversionSettings, "melody.f0_method", gr.Dropdown), (ConversionSettings, "output.channels", gr.Radio),
    (ConversionSettings, "melody.hybrid_methods", gr.Dropdown), (ConversionSettings, "compute.seed", gr.Number),
    (ConversionSettings, "compute.device", gr.Textbox), (ConversionSettings, "retrieval.index", gr.File),
    (ConversionSettings, "melody.f0_threshold", gr.Textbox), (ConversionSettings, "compute.silence_db", gr.Number),
    (TrainSettings, "learning.betas", gr.Textbox)])
def test_a_widget_fits_its_option(cls, name, kind):
    assert type(Form(cls)[name]) is kind


def test_help_ends_with_range_and_unit():
    words = {leaf.name: explained(leaf.option) for leaf in leaves(ConversionSettings)}
    assert words["melody.pitch"].endswith("−12 back. From −24 to 24 semitones.")
    assert words["compute.silence_db"].endswith("At most 0 dBFS.")
    assert words["compute.device"] == "auto, cpu, cuda, cuda:1 … or mps."
