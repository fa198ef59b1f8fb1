"""What the next weeks will bring: touches, SMS, calls and outpatients, each with how it was worked out and how far off it was."""
