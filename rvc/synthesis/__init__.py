"""Who says it: from content and melody to sound."""
