//! Releases of a region's services: settings, revisions, history. The local counterpart of Helm.

pub mod history;
pub mod settings;

pub use history::Releases;
pub use settings::Settings;
