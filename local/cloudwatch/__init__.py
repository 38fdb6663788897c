"""CloudWatch: metrics of the last hour, and alarms that are really evaluated on them."""
