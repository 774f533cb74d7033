"""What a training says, on the terminal."""
import sys

from rvc.commands.terminal import CLEAR, cleared
from rvc.training.events import Event

LOSSES = ("generator", "spectral", "kl", "adversarial", "feature", "judges")
QUIET = ("heartbeat", "finished", "stopped", "failed")  # the command itself has the last word


def show(event: Event) -> None:
    """One line for what is worth keeping, one that is written over for the rest."""
    text = _text(event)
    if not text:
        return
    if event.kind == "step":
        if sys.stdout.isatty():
            print(f"{CLEAR}  {text}", end="", flush=True)
    elif event.kind == "warning":
        print(f"{cleared()}Note: {text}", flush=True)
    else:
        print(f"{cleared()}{text}", flush=True)


def _text(event: Event) -> str:
    facts = event.facts
    if event.kind == "step":
        return f"epoch {facts['epoch'] + 1}, step {facts['step']}: {_losses(facts['loss'])}"
    if event.kind == "epoch":
        held = facts["held_out"].get("mel_similarity")
        heard = "" if held is None else f", clips held out {held:.1f} % alike"
        return (f"Epoch {facts['epoch']}/{facts['epochs']}, step {facts['step']}, {facts['seconds']:.1f} s: "
                f"{_losses(facts['epoch_mean'])}{heard}")
    if event.kind == "saved":
        return f"Saved {facts['path']}"
    if event.kind == "stage":
        device = f" on {facts['device']} ({facts['reason']})" if facts.get("device") else ""
        return f"{facts['what']}{device}"
    return facts["text"] if event.kind == "warning" else ""


def _losses(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {values[name]:.3f}" for name in LOSSES if name in values)
