"""The images the lab's registry serves: recipes, how they are packed, and how they reach the registry."""
