"""Step Functions: tasks for moto's interpreter of the Amazon States Language."""
