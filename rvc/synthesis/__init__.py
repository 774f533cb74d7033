"""Who says it: from content and melody to sound.

A synthesizer offers infer(content (B, T, D), f0_hz (B, T), speaker (B, G, 1), noise=…) → (B, 1, N).
"""
from rvc.registry import Entry, Registry

SYNTHESIZERS = Registry("synthesizer", {
    "vits": Entry("rvc.synthesis.vits:Vits", "VITS", "The synthesizer of RVC and its family."),
})
