"""CodeCommit: repositories that git and the API share."""
