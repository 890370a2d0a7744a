"""What a report says: results, findings, figures."""
