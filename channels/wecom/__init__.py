"""WeCom (the employer's side of WeChat): word to staff through an application of the hospital's."""
