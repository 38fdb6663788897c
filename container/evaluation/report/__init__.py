"""report.html, out of an evaluation: one page that needs nothing else."""
