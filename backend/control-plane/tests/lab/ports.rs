//! Ports for servers that are started later.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where they are looked for: below those that Linux gives to connections (`ip_local_port_range`, 32768 and up), or a
/// server would find its port taken by somebody's connection when it starts at last.
const PORTS: Range<u32> = 20_000..32_000;

/// Ports that nobody uses now, none of them given out twice.
pub fn free_ports(count: usize) -> Vec<u16> {
    // Two test programs at a time begin at different places.
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(std::process::id().wrapping_mul(61)));
    let next = || PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % (PORTS.end - PORTS.start);
    std::iter::repeat_with(next)
        .filter_map(|port| u16::try_from(port).ok())
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .take(count)
        .collect()
}
