"""What the OpenAPI document shows of parameters, bodies and answers.

`parameters` and `operations` are for all routes, `problem` is what errors look like; the others are named as
the routes that they are for.
"""
