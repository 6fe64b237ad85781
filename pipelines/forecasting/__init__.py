"""What a job will meet and take, from a sample of its videos tried on this machine."""
