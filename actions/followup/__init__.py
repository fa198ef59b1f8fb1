"""What is said to those who are overdue, and what their answers mean."""
