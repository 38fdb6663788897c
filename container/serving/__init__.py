"""How any exported model is served: nothing here knows how it was trained."""
