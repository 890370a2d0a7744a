"""Chunks, processes, executors, saved state: how work is run; knows nothing of gradients."""
