"""What the OpenAPI document shows of parameters and bodies."""
