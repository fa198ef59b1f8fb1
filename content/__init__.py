"""Articles, FAQ, editorial workflow, audiences, campaigns: what the hospital has to say."""
