"""CodePipeline: stages, actions and artifacts, with the role of the pipeline."""
