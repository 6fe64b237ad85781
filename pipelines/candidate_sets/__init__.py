"""Candidate sets as a person handles them: looked at, searched, stacked, imported, exported."""
