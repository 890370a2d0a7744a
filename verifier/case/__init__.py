"""A YAML text to a Case, with its programs and its points."""
