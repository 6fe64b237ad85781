"""Ray Data stages and actors, one a file."""
