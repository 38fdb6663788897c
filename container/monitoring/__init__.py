"""Whether what an endpoint is asked, and what it answers, is still what its evaluation saw."""
