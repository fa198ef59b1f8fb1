"""What people may know, correct, withdraw and have deleted (PIPL art. 44-50), and what is kept for how long."""
