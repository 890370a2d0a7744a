"""When is an expression zero for all inputs? A field with rules, and the domains that the rules keep."""
