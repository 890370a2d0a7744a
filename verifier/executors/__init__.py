"""Executors: what runs the chunks of a campaign."""
