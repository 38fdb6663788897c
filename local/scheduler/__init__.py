"""EventBridge Scheduler: schedules by cron, rate or date that start state machines."""
