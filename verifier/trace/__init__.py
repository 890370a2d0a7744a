"""Somebody's code run on steps instead of numbers: what comes out is a Program with the places of their file."""
