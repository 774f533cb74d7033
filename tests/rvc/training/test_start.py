"""Where learning starts: what is taken from pretrained pairs and from other programs' checkpoints, and what is said."""
import prepared
import pytest
import torch
from torch.optim import AdamW

from rvc.errors import SettingsError
from rvc.settings.training import TrainModelSettings
from rvc.synthesis.config import VitsConfig
from rvc.synthesis.discriminators import Discriminator
from rvc.synthesis.vits import Vits
from rvc.training import start
from rvc.training.export import Age, export_pretrain
from rvc.training.networks import SEGMENTS, voice_config
from rvc.training.start import Pair
from rvc.voicefile.checkpoint import FAMILIES, CheckpointFile, read_checkpoint, write_checkpoint
from rvc.weights import paths
from rvc.workspace import Workspace


def config(speakers: int = 3, rate: int = 24000) -> VitsConfig:
    """Of the community's shapes, with few channels."""
    family = next(family for family in FAMILIES if family[0] == rate)
    return VitsConfig(family[1], 36, 8, 8, 16, 2, 1, 3, 0, "1", (3, 7, 11), ((1, 3, 5),) * 3, family[2], 16, family[3],
                      speakers, 4, rate)


def generator(seed: int, **facts) -> Vits:
    torch.manual_seed(seed)
    return Vits(config(**facts), content_width=768)


def write(path, network, **facts):
    write_checkpoint(path, network.state_dict(), iteration=7, learning_rate=1e-4, **facts)
    return path


def equal(one, other) -> bool:
    one, other = one.state_dict(), other.state_dict()
    return all(torch.equal(value, other[key]) for key, value in one.items())


def respelled(weights):
    """In the spelling of newer programs."""
    names = {".weight_g": ".parametrizations.weight.original0", ".weight_v": ".parametrizations.weight.original1"}
    return {next((key.removesuffix(old) + new for old, new in names.items() if key.endswith(old)), key): value
            for key, value in weights.items()}


@pytest.mark.parametrize("spelling", [dict, respelled])
def test_every_weight_of_a_pretrained_generator_is_taken_in_either_spelling(tmp_path, spelling):
    theirs, ours, path = generator(1), generator(2), tmp_path / "f0G24k é.pth"
    torch.save({"model": spelling(theirs.state_dict())}, path)
    said = start.take_generator(ours, path, vocoder="hifigan")
    count = len(theirs.state_dict())
    assert equal(theirs, ours) and said == f"Started from f0G24k é.pth: {count} of {count} weights taken."


def test_of_a_table_of_speakers_the_rows_that_there_are_are_taken(tmp_path):
    theirs, ours = generator(1, speakers=5), generator(2, speakers=2)
    start.take_generator(ours, write(tmp_path / "G.pth", theirs), vocoder="hifigan")
    assert torch.equal(ours.emb_g.weight, theirs.emb_g.weight[:2])
    assert start.speakers_in(Pair(tmp_path / "G.pth", None)) == 5


@pytest.mark.parametrize("vocoder, rate, said", [("mrf", 24000, "its vocoder is hifigan"),
                                                 ("hifigan", 32000, "its sample rate is 24000")])
def test_another_kind_of_voice_is_refused(tmp_path, vocoder, rate, said):
    path = write(tmp_path / "G.pth", generator(1))
    torch.manual_seed(2)
    with pytest.raises(SettingsError, match=said):
        start.take_generator(Vits(config(rate=rate), vocoder=vocoder, content_width=768), path, vocoder=vocoder)
    with pytest.raises(SettingsError, match="give its D file"):
        start.take_judges(generator(1), path)


@pytest.mark.parametrize("vocoder, rate, melody, id", [
    ("hifigan", 40000, True, "rvc-v2-40k"), ("hifigan", 48000, False, "rvc-v2-48k-without-pitch"),
    ("refinegan", 32000, True, "refinegan-32k"), ("hifigan", 44100, True, None), ("mrf", 40000, True, None),
    ("hifigan", 24000, True, None)])
def test_the_pretrained_pair_is_chosen_by_vocoder_and_rate(tmp_path, vocoder, rate, melody, id):
    model, workspace = TrainModelSettings(vocoder=vocoder, sample_rate=rate, uses_f0=melody), Workspace(tmp_path)
    assert start.pretrained_id(model) == id
    pair, said = start.pretrained_pair(workspace, model)
    assert pair == Pair(None, None) and "from nothing" in said
    if id:
        assert f"rvc download {id}" in said
        for path in paths(workspace.pretrained, id):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        assert start.pretrained_pair(workspace, model) == (Pair(*paths(workspace.pretrained, id)), "")
    asked = TrainModelSettings(vocoder=vocoder, sample_rate=rate, uses_f0=melody, pretrained=False)
    assert "as was asked for" in start.pretrained_pair(workspace, asked)[1]
    own = TrainModelSettings(vocoder=vocoder, sample_rate=rate, uses_f0=melody, generator=tmp_path / "G.pth")
    assert start.pretrained_pair(workspace, own) == (Pair(tmp_path / "G.pth", None), "")


def test_the_pair_with_the_highest_number_is_gone_on_from_whatever_the_path_is_called(tmp_path):
    voice = prepared.voice(tmp_path / "99999999", "Anna 7")
    assert start.foreign_pair(voice) is None
    for name in ("G_20", "D_20", "G_100", "D_100", "G_3000", "D_9", "G_2333333x"):
        (voice.path / f"{name}.pth").touch()
    assert start.foreign_pair(voice) == Pair(voice.path / "G_100.pth", voice.path / "D_100.pth")


def trained(network, kind=AdamW):
    optimizer = kind(network.parameters(), lr=1e-3)
    for weight in network.parameters():
        weight.grad = torch.ones_like(weight) * 0.01
    optimizer.step()
    return optimizer


def test_the_moments_of_another_program_are_taken_if_they_fit(tmp_path):
    theirs, ours = generator(1), generator(2)
    before, fresh = trained(theirs), AdamW(ours.parameters(), lr=5e-5)
    path = write(tmp_path / "G_1.pth", theirs, optimizer=before.state_dict())
    file = read_checkpoint(path)
    assert start.take_moments(fresh, file, "adamw")
    assert fresh.param_groups[0]["lr"] == 5e-5  # the run's own
    for one, other in zip(before.state.values(), fresh.state.values()):
        assert all(torch.equal(one[name], other[name]) for name in ("step", "exp_avg", "exp_avg_sq"))
    assert not start.take_moments(fresh, file, "prodigy")
    smaller = AdamW(generator(3, speakers=2).parameters())
    assert not start.take_moments(smaller, file, "adamw") and not smaller.state
    spoilt = dict(file.optimizer) | {"state": {0: {"step": 1}}}
    assert not start.take_moments(fresh, CheckpointFile("generator", {}, optimizer=spoilt), "adamw")


def test_what_we_offer_to_others_to_start_from_is_what_we_start_from(tmp_path):
    card = prepared.voice(tmp_path)
    ours, again = generator(4), generator(5)
    from dataclasses import replace

    from rvc.training.card import read_card
    files = export_pretrain(card, (ours.state_dict(), {"a.weight_g": torch.ones(2)}), read_card(card.card), Age(3, 9),
                            1e-4)
    assert [path.name for path in files] == ["f0G24k.pth", "f0D24k.pth"]
    start.take_generator(again, files[0], vocoder="hifigan")
    assert equal(ours, again) and read_checkpoint(files[0]).iteration == 3
    card = replace(read_card(card.card), sample_rate=44100, uses_f0=False)
    assert export_pretrain(prepared.voice(tmp_path, "b"), (ours.state_dict(), {}), card, Age(1, 1), 1.0)[0].name \
        == "G44.1k.pth"


@pytest.mark.nightly
def test_judges_are_taken_too(tmp_path):
    torch.manual_seed(1)
    theirs, ours = Discriminator("v2"), Discriminator("v2")
    assert "165 of 165" in start.take_judges(ours, write(tmp_path / "D.pth", theirs)) and equal(theirs, ours)


def test_every_rate_has_its_shape():
    for rate, frames in SEGMENTS.items():
        made = voice_config(rate, 109)
        assert made.sample_rate == rate and made.segment_frames == frames and made.hop == rate // 100
        assert made.speakers == 109 and made.inter_channels == 192
