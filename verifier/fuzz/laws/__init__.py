"""The laws of the tool, each a sentence that random cases are held against: `python -m verifier fuzz --self`."""
