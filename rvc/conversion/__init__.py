"""From any sound to a voice: files in, files out, however long."""
