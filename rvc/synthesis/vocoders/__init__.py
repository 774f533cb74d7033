"""From latent frames and melody to a waveform: the table of decoders.

A vocoder is built from a `VitsConfig` and offers
    excite(f0_hz (B, T), noise) → what follows the melody, as (B, C, T·k) tensors of any C and k; none without melody
    render(z (B, C, T), excitation, speaker (B, G, 1), noise) → (B, 1, N): the waveform, in −1…1
    reach: frames on either side that a rendered frame hears, so that a long z can be rendered in pieces
Attribute names inside them (`ups`, `resblocks`, `m_source` …) are the community's file format.

Facts: spelling, as voice files write it; needs_f0; rates in Hz that it can be trained at.
"""
from rvc.registry import Entry, Registry

ALL_RATES = (24000, 32000, 40000, 44100, 48000)

VOCODERS = Registry("vocoder", {
    "hifigan": Entry("rvc.synthesis.vocoders.hifigan:HifiGan", "HiFi-GAN",
                     "The voice of RVC: every program of the family reads it, with and without melody.",
                     {"spelling": "HiFi-GAN", "needs_f0": False, "rates": ALL_RATES}),
    "mrf": Entry("rvc.synthesis.vocoders.mrf:MrfHifiGan", "MRF HiFi-GAN",
                 "HiFi-GAN with eight overtones in its excitation; read by Applio and its forks.",
                 {"spelling": "MRF HiFi-GAN", "needs_f0": True, "rates": ALL_RATES}),
    "refinegan": Entry("rvc.synthesis.vocoders.refinegan:RefineGan", "RefineGAN",
                       "Refines the excitation itself, down to frames and up again; read by Applio since August 2025.",
                       {"spelling": "RefineGAN", "needs_f0": True, "rates": ALL_RATES}),
    "refinegan-legacy": Entry("rvc.synthesis.vocoders.refinegan:LegacyRefineGan", "RefineGAN (before August 2025)",
                              "The RefineGAN of older Applio versions and of the Codename forks; not trained here.",
                              {"spelling": "RefineGAN", "needs_f0": True, "rates": ()}),
})
