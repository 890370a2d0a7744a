"""Trees to a Program; the backward pass that backprop writes; the graph in which equal steps are one."""
