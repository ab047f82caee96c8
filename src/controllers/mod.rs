//! What Flux says about itself in its own objects. Pure.
