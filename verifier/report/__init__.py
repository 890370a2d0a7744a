"""What is told: results, findings, figures."""
