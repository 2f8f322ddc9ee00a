"""Pages of those who watch over access: reviewers of emergency openings, and auditors."""
