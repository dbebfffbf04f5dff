//! aisoc-agents
