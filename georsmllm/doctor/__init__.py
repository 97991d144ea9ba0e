"""The frame doctor: which form and frame given answers are in, how sure that is, and what would mend them."""
