"""Sound in, sound out: files, resampling, filters, loudness, slicing, spectrograms.  No models."""
