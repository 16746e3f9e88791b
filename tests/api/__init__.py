"""Tests of the gateway, one folder for each of its packages."""
