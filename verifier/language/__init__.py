"""What may be written: words, trees, gates, numerals, formats, verdicts, places."""
