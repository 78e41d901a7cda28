"""The page heap as tables: runs, the map from pages to them, and the steps that change them."""
