"""What a run says of itself while it goes on: which stage waits, for what, and how far it is."""
