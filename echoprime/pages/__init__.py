"""What people look at: pictures made of clips and tables."""

from echoprime.pages.montage import draw_montage

__all__ = ["draw_montage"]
