"""The media library: pictures with alternative text, source and licence, kept and served by ourselves."""
