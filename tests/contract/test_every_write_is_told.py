"""No operation that changes anything goes untold: each is called for real, and looked for in the history.

The list of operations comes from the API description; one that is new and not called here fails the test.
"""
