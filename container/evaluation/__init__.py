"""How any exported model is judged before it may serve: nothing here knows how it was trained."""
