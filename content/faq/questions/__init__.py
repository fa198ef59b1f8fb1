"""Questions of patients that found no good answer: collected without who asked, grouped, turned into entries."""
