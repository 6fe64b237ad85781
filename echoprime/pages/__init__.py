"""What people look at: pages and pictures made of clips and tables."""

from echoprime.pages.montage import draw_montage
from echoprime.pages.page import data_uri, render_page

__all__ = ["data_uri", "draw_montage", "render_page"]
