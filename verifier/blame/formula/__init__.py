"""The guilty line of a wrong gradient, and the edit that repairs it."""
