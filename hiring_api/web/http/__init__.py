"""What the routes share: bodies and files that come, forms of answers, errors, who may call, figures."""
