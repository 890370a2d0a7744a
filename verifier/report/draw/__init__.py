"""Draw a Report; decide nothing."""
