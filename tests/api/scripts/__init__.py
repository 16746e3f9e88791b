"""Tests of script releases. ``bundles.py`` makes the small bundle that the others break in one place each."""
