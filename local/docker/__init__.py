"""`docker` for builds of the process runtime: images are folders, a push reaches the local ECR."""
