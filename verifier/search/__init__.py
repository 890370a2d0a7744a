"""Points and mistakes that nobody gave: hunts, mutations, fuzzing."""
