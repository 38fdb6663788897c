"""CodeBuild: buildspecs run in bash, with the role of their project."""
