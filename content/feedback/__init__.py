"""What editors should look at next: articles that need work, and questions nobody has answered."""
