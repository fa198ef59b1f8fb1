"""What most hospitals' systems offer: views and a 中间表 in their database, or messages of their own over HTTP; read by a mapping."""
