"""How any model is trained: nothing here knows what `model.py` holds."""
