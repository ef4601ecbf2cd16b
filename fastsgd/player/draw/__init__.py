"""From a figure to what changes in it: vector graphics for each part, and pixels."""
