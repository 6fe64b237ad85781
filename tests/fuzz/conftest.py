"""The fuzz target is no test: it needs atheris, and ends only when it is told to."""

collect_ignore = ["read_clip.py"]
