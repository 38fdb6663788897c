"""AWS Budgets: kept and described; nothing is spent here, and so a budget tells nobody."""
