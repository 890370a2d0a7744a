"""Reads YAML texts into cases, with their programs and their points."""
