"""Searches beyond the points of a case: hunts for bad inputs, mutations of backward passes, fuzzing."""
