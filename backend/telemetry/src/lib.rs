//! aisoc-telemetry
