"""The checks of ``flask doctor``: one module for each group, each check isolated from the others."""
