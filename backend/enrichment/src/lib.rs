//! aisoc-enrichment
