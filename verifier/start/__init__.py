"""The first steps: a new case, a repository with a gate, completion in the shell."""
