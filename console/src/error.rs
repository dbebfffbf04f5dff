//! Why the screen could not be used, or stopped.

/// Why the screen could not be used, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// Standard input or output is no terminal.
    #[error("no terminal: the screen needs one on standard input and output. {HINT}")]
    NoTerminal,
    /// The terminal cannot position its cursor.
    #[error("TERM={0} cannot show a screen (it cannot position its cursor). {HINT}")]
    Incapable(String),
    /// The terminal broke or went away.
    #[error("the terminal cannot be used: {0}. {HINT}")]
    Terminal(#[from] std::io::Error),
    /// There is nothing to connect to.
    #[error("no control plane address: give --endpoint http://host:port")]
    NoEndpoint,
}

const HINT: &str = "Without a screen: `aisoc-console status`, `aisoc-console snapshot --page overview`, `aisoc-console watch`, `aisoc-console --plain`";

impl ConsoleError {
    /// The exit code of the program: 7 for everything about the terminal, 2 for bad input.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoTerminal | Self::Incapable(_) | Self::Terminal(_) => 7,
            Self::NoEndpoint => 2,
        }
    }
}
