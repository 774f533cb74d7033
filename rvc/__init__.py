"""Voicewright's library: voice conversion in the RVC family.

Notation of every docstring here:
    B batch   T frames, 100 a second   T50 frames, 50 a second   N samples
    C channels   D width of content features   G width of a speaker embedding   S speakers
    hop: samples a frame = sample rate / 100.  f0 is in Hz and exactly 0 where unvoiced.
"""
