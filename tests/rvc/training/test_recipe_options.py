"""Every option of a training step, by what it does and not by what it is called."""
import json

import pytest
import small
import torch
from safetensors.torch import load, save
from torch.utils._python_dispatch import TorchDispatchMode

from rvc.errors import CheckpointError
from rvc.synthesis.noise import drawn_from
from rvc.synthesis.vits import segments
from rvc.training.losses import MEL_BANDS, mel_distance, spectral_distance, stft_distance, voice_mel
from rvc.training.optimizers import OPTIMIZERS
from rvc.training.schedule import Schedule
from rvc.training.state import State


@pytest.fixture
def half(written_noise):
    return written_noise("half")


def steps_taken(learner) -> int:
    """By AdamW's own count."""
    return int(next(iter(learner.optimizer.state.values()))["step"].item()) if learner.optimizer.state else 0


def assert_close(found, expected, tolerance=1e-5):
    for key, value in expected.items():
        assert torch.allclose(found[key], value, rtol=1e-4, atol=tolerance * (1 + value.abs().max().item())), key


def test_both_networks_learn_and_every_parameter_gets_a_gradient(half):
    recipe = small.recipe()
    before = [small.weights(learner.network) for learner in (recipe.generator, recipe.judges)]
    found = recipe.step([small.batch()], half)
    assert found.sound and recipe.steps == 1
    assert all(value.isfinite() for value in found.values().values())
    for learner, then in zip((recipe.generator, recipe.judges), before):
        assert all(weight.grad is not None and weight.grad.isfinite().all()
                   for weight in learner.network.parameters())
        assert not small.same(small.weights(learner.network), then)


def test_a_voice_without_melody_learns(half):
    batch = small.batch()
    recipe = small.recipe(uses_f0=False)
    assert recipe.step([type(batch)(**{**vars(batch), "f0_hz": None})], half).sound


def test_the_generator_gets_better_at_a_sound(half):
    recipe, batch = small.recipe(rate_generator=2e-3), small.batch()
    found = [recipe.step([batch], half).spectral.item() for _ in range(20)]
    assert found[-1] < 0.85 * found[0]


@pytest.mark.parametrize("spoilt", ["wave", "content"])
def test_a_step_that_is_not_finite_is_not_taken(half, spoilt):
    recipe = small.recipe(mean_of_weights=0.9)
    good = small.batch()
    recipe.step([good], half)
    before = [small.weights(network) for network in (recipe.generator.network, recipe.judges.network, recipe.mean)]
    bad = type(good)(**{**vars(good), spoilt: getattr(good, spoilt) * torch.nan})
    assert not recipe.step([bad], half).sound
    networks = (recipe.generator.network, recipe.judges.network, recipe.mean)
    assert small.same(small.weights(networks[0]), before[0]) and small.same(small.weights(networks[2]), before[2])
    if spoilt == "wave":
        assert small.same(small.weights(networks[1]), before[1])
    assert recipe.step([good], half).sound
    assert not small.same(small.weights(networks[0]), before[0])


def test_a_loss_that_is_not_finite_stops_the_step_though_its_gradient_is():
    learner = small.recipe().judges
    before = small.weights(learner.network)
    loss = sum(weight.sum() for weight in learner.network.parameters()) + torch.inf
    learner.begin()
    learner.backward(loss)
    assert learner.propose(loss).isfinite()
    assert not learner.settle() and not learner.sound
    assert small.same(small.weights(learner.network), before)


@pytest.mark.parametrize("half_precision", [False, True])
def test_a_gradient_beyond_float16_halves_the_scale_and_is_no_alarm(half_precision):
    learner = small.recipe(precision="fp16" if half_precision else "fp32").judges
    before, scale = small.weights(learner.network), learner.scaler.get_scale()
    loss = 1e35 * sum(weight.sum() for weight in learner.network.parameters())
    learner.begin()
    learner.backward(loss if half_precision else 1e35 * loss)
    learner.propose(loss)
    assert not learner.settle() and learner.sound == half_precision
    assert small.same(small.weights(learner.network), before)
    assert learner.scaler.get_scale() == (scale / 2 if half_precision else 1.0)


def test_a_proposal_that_was_cut_short_does_not_stand_in_the_way_of_the_next():
    learner = small.recipe(precision="fp16").judges
    for _ in range(2):
        learner.begin()
        loss = sum(weight.square().sum() for weight in learner.network.parameters())
        learner.backward(loss)
        learner.propose(loss)
    assert learner.settle() and learner.sound


def test_a_long_gradient_is_shortened_and_a_short_one_is_not(half):
    recipe = small.recipe(clip=0.25)
    found = recipe.step([small.batch()], half)
    for learner, norm in ((recipe.generator, found.norm_generator), (recipe.judges, found.norm_judges)):
        after = torch.cat([weight.grad.flatten() for weight in learner.network.parameters()]).norm().item()
        assert norm > 0.25 and after == pytest.approx(0.25, rel=1e-3)
    free, capped = (small.recipe(clip=clip) for clip in (0.0, 1e6))
    norms = [one.step([small.batch()], half).norm_generator for one in (free, capped)]
    assert norms[0] == norms[1] == found.norm_generator
    assert small.same(small.gradients(free.generator.network), small.gradients(capped.generator.network))


def test_a_head_start_of_the_generator(half):
    recipe = small.recipe(judges_wait=2)
    judges = small.weights(recipe.judges.network)
    for _ in range(2):
        found = recipe.step([small.batch()], half)
        assert found.judges is None and found.adversarial is None and found.feature is None
        assert torch.allclose(found.generator, found.spectral + found.kl)
        assert small.same(small.weights(recipe.judges.network), judges)
    found = recipe.step([small.batch()], half)
    assert found.adversarial > 0 and not small.same(small.weights(recipe.judges.network), judges)


def test_a_head_start_of_the_judges(half):
    recipe = small.recipe(generator_waits=2)
    generator, judges = small.weights(recipe.generator.network), small.weights(recipe.judges.network)
    for _ in range(2):
        assert recipe.step([small.batch()], half).generator is None
        assert small.same(small.weights(recipe.generator.network), generator)
    assert not small.same(small.weights(recipe.judges.network), judges)
    recipe.step([small.batch()], half)
    assert not small.same(small.weights(recipe.generator.network), generator)


def test_judges_take_two_steps_for_one_of_the_generator(half):
    recipe = small.recipe(optimizer="adamw", judges_updates=2)
    for _ in range(3):
        recipe.step([small.batch()], half)
    assert (steps_taken(recipe.judges), steps_taken(recipe.generator)) == (6, 3)


def test_parts_of_a_batch_teach_what_the_whole_teaches(half):
    whole, parts = small.recipe(optimizer="adamw"), small.recipe(optimizer="adamw")
    batch = small.batch(30, 24, 12)
    found = [whole.step([batch], half), parts.step(batch.split(2), half)]
    assert [len(part) for part in batch.split(2)] == [2, 1] and len(batch.split(9)) == 3
    for name, value in found[0].values().items():
        assert found[1].values()[name].item() == pytest.approx(value.item(), rel=1e-4), name
    for one, other in ((whole.generator, parts.generator), (whole.judges, parts.judges)):
        assert steps_taken(other) == 1
        assert_close(small.gradients(other.network), small.gradients(one.network))


def test_after_running_out_of_memory_half_the_batch_goes_on(half):
    calm, crowded = small.recipe(), small.recipe()
    batch = small.batch(30, 24)
    for recipe in (calm, crowded):
        recipe.step([batch], half)

    def no_room(_module, inputs):
        if len(inputs[0]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")

    hook = crowded.judges.network.register_forward_pre_hook(no_room)
    with pytest.raises(torch.OutOfMemoryError):
        crowded.step([batch], half)
    found = crowded.step(batch.split(2), half)
    hook.remove()
    expected = calm.step([batch], half)
    assert crowded.steps == calm.steps == 2 and found.sound
    assert found.generator.item() == pytest.approx(expected.generator.item(), rel=1e-4)
    assert_close(small.gradients(crowded.generator.network), small.gradients(calm.generator.network))
    assert all(weight.requires_grad for weight in crowded.judges.network.parameters())


def test_the_running_mean_follows_and_is_what_is_heard(half):
    recipe = small.recipe(mean_of_weights=0.9, rate_generator=1e-2)
    expected = small.weights(recipe.generator.network)
    for n in range(30):
        recipe.step([small.batch()], half)
        keep, now = min(0.9, (1 + n) / (10 + n)), small.weights(recipe.generator.network)
        expected = {key: keep * value + (1 - keep) * now[key] for key, value in expected.items()}
        if n == 2:
            assert_close(small.weights(recipe.mean), expected, 1e-6)
            break
    with recipe.listening() as heard:
        assert heard is recipe.mean and not heard.training
        assert not small.same(small.weights(heard), small.weights(recipe.generator.network))


def test_without_a_mean_the_generator_itself_is_heard_and_then_learns_on(half):
    recipe = small.recipe()
    with recipe.listening() as heard:
        assert heard is recipe.generator.network and not heard.training
    assert recipe.generator.network.training
    assert recipe.step([small.batch()], half).sound


def test_a_schedule_free_voice_is_heard_at_its_average(half):
    recipe = small.recipe(optimizer="schedule-free", rate_generator=1e-2)
    for _ in range(8):
        recipe.step([small.batch()], half)
    moving = small.weights(recipe.generator.network)
    with recipe.listening() as heard:
        assert not small.same(small.weights(heard), moving)
    assert_close(small.weights(recipe.generator.network), moving, 1e-6)


@pytest.mark.parametrize("kind, share", [("l1", 45), ("multi-scale", 15), ("stft", 21)])
def test_each_spectral_loss_weighs_what_the_family_gives_it(half, kind, share):
    recipe, batch = small.recipe(spectral=kind), small.batch()
    seen = {}
    recipe.generator.network.register_forward_hook(lambda _module, _inputs, take: seen.update(take=take))
    found = recipe.step([batch], half)
    real = segments(batch.wave, seen["take"].starts * small.HOP, small.SEGMENT * small.HOP).squeeze(1)
    distance = spectral_distance(kind, voice_mel(small.RATE, 1024))(real, seen["take"].audio.squeeze(1))
    assert found.spectral.item() == pytest.approx(share * distance.item(), rel=1e-5)


def test_spectral_distances_know_equal_from_different():
    wave, other = small.clip(40, "one").wave[None], small.clip(40, "two").wave[None]
    for rate in MEL_BANDS:
        assert mel_distance(wave, wave, voice_mel(rate, 2048)) == 0 < mel_distance(wave, other, voice_mel(rate, 2048))
    assert stft_distance(wave, wave) == 0 < stft_distance(wave, 0.9 * wave) < stft_distance(wave, other)


def test_the_rate_follows_the_schedule(half):
    schedule = Schedule("linear", 4, "steps", "exponential", gamma=0.5)
    recipe = small.recipe(rate_generator=1e-3, rate_judges=2e-3, schedule=schedule)
    for step, epoch, share in ((0, 0, 0.25), (1, 0, 0.5), (2, 1, 0.375), (3, 1, 0.5), (4, 2, 0.25)):
        assert recipe.steps == step
        recipe.step([small.batch()], half, epoch)
        assert recipe.generator.rate == pytest.approx(1e-3 * share)
        assert recipe.judges.rate == pytest.approx(2e-3 * share)


def test_rates_move_each_network_by_their_own_length(half):
    recipe = small.recipe(optimizer="adamw", weight_decay=0.0, rate_generator=1e-3, rate_judges=4e-3)
    before = [small.weights(learner.network) for learner in (recipe.generator, recipe.judges)]
    recipe.step([small.batch()], half)
    for learner, then, rate in zip((recipe.generator, recipe.judges), before, (1e-3, 4e-3)):
        moved = max((value - then[key]).abs().max().item() for key, value in small.weights(learner.network).items())
        assert moved == pytest.approx(rate, rel=0.02)  # Adam's first step is the rate


def test_recomputing_runs_blocks_twice_and_changes_no_gradient(half):
    plain, frugal = small.recipe(), small.recipe(recompute=True)
    runs = []
    for recipe in (plain, frugal):
        count = []
        for block in (recipe.generator.network.dec.resblocks[0], recipe.judges.network.discriminators[0].convs[0]):
            block.register_forward_pre_hook(lambda *_, count=count: count.append(1))
        recipe.step([small.batch()], half)
        runs.append(len(count))
    assert runs == [1 + 4, 2 + 7]  # the judges hear real and made, and both again; the second real needs no gradient
    assert_close(small.gradients(frugal.generator.network), small.gradients(plain.generator.network), 1e-6)


def test_bf16_finds_nearly_the_same_losses(half):
    full, short = (small.recipe(precision=kind).step([small.batch()], half) for kind in ("fp32", "bf16"))
    assert short.sound
    for name, value in full.values().items():
        assert short.values()[name].dtype == torch.float32
        assert short.values()[name].item() == pytest.approx(value.item(), rel=0.05), name
    assert short.spectral != full.spectral


def test_fp16_finds_its_scale_without_alarm_and_then_learns(half):
    full, scaled = small.recipe(), small.recipe(precision="fp16")
    before, expected = small.weights(scaled.generator.network), full.step([small.batch()], half)
    found = [scaled.step([small.batch()], half) for _ in range(12)]
    assert all(step.sound for step in found)
    assert found[0].spectral.item() == pytest.approx(expected.spectral.item(), rel=0.05)
    first = next(step for step in found if step.norm_judges.isfinite())
    assert first.norm_judges.item() == pytest.approx(expected.norm_judges.item(), rel=0.05)
    assert 1 < scaled.judges.scaler.get_scale() < 2.0 ** 16
    assert found[-1].norm_generator.isfinite() and not small.same(small.weights(scaled.generator.network), before)


class Reads(TorchDispatchMode):
    """Counts numbers that are read from tensors, which is when a device would be waited for."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("batches", [1, 2])
def test_no_number_is_read_from_the_device_within_a_step(half, batches):
    recipe = small.recipe(clip=1.0, mean_of_weights=0.9, spectral="multi-scale")
    for learner in (recipe.generator, recipe.judges):
        learner.optimizer.step = lambda: None  # RAdam reads its own counters, which lie on the host
    parts, one = small.batch().split(batches), torch.ones(())
    with Reads() as reads:
        recipe.step(parts, half)
    assert reads.count == 0
    with reads:
        one.item()
    assert reads.count == 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_going_on_from_a_state_is_going_on(half, optimizer):
    recipe = small.recipe(optimizer=optimizer, mean_of_weights=0.99)
    for _ in range(7):
        recipe.step([small.batch()], half)
    state = recipe.state()
    stored = load(save({key: value.contiguous() for key, value in state.tensors.items()}))
    numbers = json.loads(json.dumps(state.numbers))
    later = small.recipe(optimizer=optimizer, mean_of_weights=0.99, seed=1)
    later.load_state(State(stored, numbers))
    assert later.steps == 7
    found = [one.step([small.batch()], half).generator for one in (recipe, later)]
    assert torch.equal(*found)
    for name in ("generator", "judges"):
        assert small.same(*(small.weights(getattr(one, name).network) for one in (recipe, later)))
    assert small.same(small.weights(recipe.mean), small.weights(later.mean))


def test_the_settings_of_the_run_outlive_those_of_the_checkpoint(half):
    first = small.recipe(weight_decay=0.01)
    first.step([small.batch()], half)
    later = small.recipe(weight_decay=0.2, eps=1e-6)
    later.load_state(first.state())
    group = later.generator.optimizer.param_groups[0]
    assert (group["weight_decay"], group["eps"]) == (0.2, 1e-6)


def test_a_state_of_something_else_is_refused(half):
    state = small.recipe().state()
    with pytest.raises(CheckpointError, match="radam"):
        small.recipe(optimizer="adamw").load_state(state)
    with pytest.raises(CheckpointError, match="another network"):
        small.recipe("mrf").load_state(state)


def test_the_same_seed_gives_the_same_step_and_another_does_not():
    found = []
    for seed in (1, 1, 2):
        noise = drawn_from(torch.Generator().manual_seed(seed))
        found.append(small.recipe().step([small.batch()], noise).generator)
    assert found[0] == found[1] != found[2]


def test_precision_may_change_between_runs(half):
    exact = small.recipe()
    exact.step([small.batch()], half)
    scaled = small.recipe(precision="fp16")
    scaled.load_state(exact.state())
    assert scaled.generator.scaler.get_scale() == 2.0 ** 16
    exact.load_state(scaled.state())


def test_a_state_that_lacks_something_is_refused(half):
    state = small.recipe().state()
    del state.numbers["judges.groups"]
    with pytest.raises(CheckpointError, match="lacks judges.groups"):
        small.recipe().load_state(state)


@pytest.mark.parametrize("vocoder", ["mrf", "refinegan"])
def test_every_vocoder_that_is_trained_takes_a_step(half, vocoder):
    assert small.recipe(vocoder, spectral="multi-scale").step([small.batch()], half).sound
