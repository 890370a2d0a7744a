"""Which statement makes a gradient wrong, and the single edit that repairs it."""
