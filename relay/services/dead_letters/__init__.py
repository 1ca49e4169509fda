"""Dead letters: actions on one or many, their causes, and how they are selected."""
