//! aisoc-bus
