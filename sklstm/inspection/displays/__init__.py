"""Displays in the style of scikit-learn; matplotlib is imported when one is drawn. `sklstm.inspection` exports them."""
