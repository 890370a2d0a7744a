"""JAX: the jaxpr of a callable and of its backward pass, interpreted on steps beside values."""
