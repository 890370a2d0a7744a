"""The laws of the tool, each a sentence that random cases are held against: `python -m tests.laws`."""
