"""What the OpenAPI document shows of parameters, bodies and answers.

`parameters`, `answers` and `operations` are for all routes, `problem` is what errors look like, `converter`
makes OpenAPI of schemas; the others are named as the routes that they are for.
"""
