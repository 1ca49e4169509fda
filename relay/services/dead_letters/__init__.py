"""Dead letters: what a person or a command can do with them, their causes, and which ones are selected."""
