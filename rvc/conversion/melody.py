"""From the melody that was heard to the one that is sung."""
import torch

from rvc.f0.track import F0Track, autotune, fit_register, from_text, median_filter, transpose
from rvc.settings.conversion import PitchSettings

LEAD = 100  # frames of reflection before the sound begins


def sung(heard: F0Track, settings: PitchSettings, text: str | None, offset: int = 0) -> F0Track:
    """Filtered, moved, tuned, and overlaid by the text of a melody file, in this order.

    offset: frames of the recording before the heard part, without its lead.
    """
    track = median_filter(heard, settings.filter_radius)
    shift = settings.pitch + (fit_register(track, settings.proposed_pitch_target) if settings.proposed_pitch else 0)
    track = transpose(track, shift)
    if settings.autotune:
        track = autotune(track, settings.autotune_strength)
    return track if text is None else _overlaid(track, text, offset)


def _overlaid(track: F0Track, text: str, offset: int) -> F0Track:
    """Times of the text count from the beginning of the recording."""
    before, after = track.hz[:LEAD], track.hz[LEAD:]
    whole = from_text(text, F0Track(torch.cat([after.new_zeros(offset), after])))
    return F0Track(torch.cat([before, whole.hz[offset:]]))
