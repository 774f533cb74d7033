"""How a voice is learned: prepare recordings, then play the generator against its judges."""
