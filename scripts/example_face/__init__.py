"""The face of the project's example: its landmarks, its motion, pictures and networks for it."""
