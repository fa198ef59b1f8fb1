"""Education articles: written, reviewed, signed, published, recalled; rendered for each channel."""
