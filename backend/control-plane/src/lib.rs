//! aisoc-control-plane
