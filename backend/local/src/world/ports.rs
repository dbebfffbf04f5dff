//! Which port each part listens on: fixed by the operator, else the default, else the next free one.
//!
//! Two worlds on one machine prefer different ports (see [`Slot`]): a port that is free when it is chosen may be
//! another world's a moment later, when that one has started its parts too.

use crate::error::Failure;
use crate::world::clusters::CLUSTERS;
use crate::world::regions::{REGIONS, RegionPlan};
use rustix::fs::{FlockOperation, flock};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};

/// Ports of parts that belong to no region, with their defaults.
const GLOBAL: [(&str, u16); 5] = [
    ("load_balancer", 17000),
    ("supervisor", 17002),
    ("etcd", 17003),
    ("etcd_peer", 17004),
    ("generator", 17006),
];

/// Ports of a region, as offsets into its block.
const REGIONAL: [(&str, u16); 13] = [
    ("api-a", 1),
    ("api-a-agent", 2),
    ("api-b", 3),
    ("api-b-agent", 4),
    ("ingest", 5),
    ("bus", 6),
    ("enrichment", 7),
    ("alert-fusion", 8),
    ("agents", 9),
    ("control-plane", 17),
    ("control-plane-http", 18),
    ("otlp", 19),
    ("redis", 79),
];

/// Ports of a database node; those of the second cluster come after those of the first.
const NODE: [(&str, u16); 2] = [("postgres", 32), ("patroni", 33)];

/// How far the search for a free port goes.
const SEARCH: u16 = 400;

/// Distance between the ports of two worlds; further than the search goes.
const STRIDE: u16 = 1000;

/// Worlds on one machine that are kept apart.
const SLOTS: u16 = 12;

/// This world's place among those of the machine: a file that is locked as long as its supervisor lives.
#[derive(Debug)]
pub struct Slot {
    number: u16,
    _lock: Option<File>,
}

impl Slot {
    /// The first free place.
    #[must_use]
    pub fn take() -> Self {
        let taken = (0..SLOTS).find_map(|number| {
            let path = std::env::temp_dir().join(format!("aisoc-local-{number}.lock"));
            let open = |create| {
                OpenOptions::new()
                    .read(true)
                    .write(create)
                    .create(create)
                    .truncate(false)
                    .open(&path)
            };
            // Another user's file may be read and locked, but not opened for writing.
            let file = open(false).or_else(|_| open(true)).ok()?;
            flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
            Some(Self {
                number,
                _lock: Some(file),
            })
        });
        taken.unwrap_or(Self {
            number: 0,
            _lock: None,
        })
    }

    /// A place that is not guarded.
    #[must_use]
    pub fn unguarded(number: u16) -> Self {
        Self { number, _lock: None }
    }
}

/// Ports by name: `load_balancer`, `us-east-1/api-a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    chosen: BTreeMap<String, u16>,
    slot: u16,
}

impl Ports {
    /// Chooses all ports. `fixed` are the operator's; `free` says whether a port can be listened on.
    ///
    /// # Errors
    /// When a fixed port's name is unknown, two names share one, it is taken, or nothing is free.
    pub fn choose(
        fixed: &BTreeMap<String, u16>,
        slot: &Slot,
        free: &dyn Fn(u16) -> bool,
    ) -> Result<Self, Failure> {
        let defaults = defaults();
        let mut used = BTreeSet::new();
        for (name, port) in fixed {
            if !defaults.iter().any(|(known, _)| known == name) {
                let known: Vec<&str> = defaults.iter().map(|(n, _)| n.as_str()).collect();
                return Err(Failure::usage(
                    format!("world.toml: [ports] has no port named '{name}'"),
                    format!("the names are: {}", known.join(", ")),
                ));
            }
            if !used.insert(*port) {
                return Err(Failure::usage(
                    format!("world.toml: [ports] gives port {port} to two parts"),
                    "give each its own",
                ));
            }
            if !free(*port) {
                return Err(Failure::usage(
                    format!("port {port}, fixed in world.toml for {name}, is taken by another process"),
                    format!(
                        "see who has it with `ss -ltnp 'sport = :{port}'`, or remove the line: the next free port is taken then"
                    ),
                ));
            }
        }
        let mut chosen = BTreeMap::new();
        for (name, default) in defaults {
            let default = shifted(default, slot.number);
            let port = match fixed.get(&name) {
                Some(port) => *port,
                None => next_free(default, &used, free).ok_or_else(|| {
                    Failure::failed(
                        format!(
                            "no free port for {name} from {default} to {}",
                            default.saturating_add(SEARCH)
                        ),
                        "fix one in world.toml under [ports]",
                    )
                })?,
            };
            used.insert(port);
            chosen.insert(name, port);
        }
        Ok(Self {
            chosen,
            slot: slot.number,
        })
    }

    /// A global port; 0 for a name that does not exist.
    #[must_use]
    pub fn global(&self, name: &str) -> u16 {
        self.chosen.get(name).copied().unwrap_or_default()
    }

    /// A region's port; 0 for a name that does not exist.
    #[must_use]
    pub fn of(&self, region: &RegionPlan, name: &str) -> u16 {
        self.global(&format!("{}/{name}", region.name))
    }

    /// Moves a region's part to another port.
    pub fn set(&mut self, region: &RegionPlan, name: &str, port: u16) {
        self.chosen.insert(format!("{}/{name}", region.name), port);
    }

    /// `count` free ports for a process that runs beside the one it will replace.
    #[must_use]
    pub fn spare(&self, region: &RegionPlan, count: usize, free: &dyn Fn(u16) -> bool) -> Option<Vec<u16>> {
        let mut used: BTreeSet<u16> = self.chosen.values().copied().collect();
        (0..count)
            .map(|_| {
                let port = next_free(shifted(region.port_block + 40, self.slot), &used, free)?;
                used.insert(port);
                Some(port)
            })
            .collect()
    }
}

/// All names with their defaults, in the order in which they are chosen.
#[must_use]
pub fn defaults() -> Vec<(String, u16)> {
    let mut all: Vec<(String, u16)> = GLOBAL.iter().map(|(n, p)| ((*n).to_owned(), *p)).collect();
    for region in &REGIONS {
        for (name, offset) in REGIONAL {
            all.push((format!("{}/{name}", region.name), region.port_block + offset));
        }
    }
    for (block, cluster) in (0_u16..).step_by(NODE.len()).zip(CLUSTERS) {
        for node in cluster.nodes() {
            let at = |(part, offset)| (node.process(part), node.region.port_block + offset + block);
            all.extend(NODE.map(at));
        }
    }
    all
}

/// A default port in a slot: the block at 17000 moves as a whole, the conventional ones move to their neighbours.
fn shifted(default: u16, slot: u16) -> u16 {
    let step = if default >= 17000 { STRIDE } else { 1 };
    default.saturating_add(step.saturating_mul(slot))
}

fn next_free(from: u16, used: &BTreeSet<u16>, free: &dyn Fn(u16) -> bool) -> Option<u16> {
    (from..from.saturating_add(SEARCH)).find(|p| !used.contains(p) && free(*p))
}

/// Whether a port can be listened on now.
#[must_use]
pub fn free_on_loopback(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(name: &str, port: u16) -> BTreeMap<String, u16> {
        BTreeMap::from([(name.to_owned(), port)])
    }

    #[test]
    fn defaults_when_all_is_free() {
        let ports = Ports::choose(&BTreeMap::new(), &Slot::unguarded(0), &|_| true).unwrap();
        assert_eq!(ports.global("load_balancer"), 17000);
        assert_eq!(ports.of(&REGIONS[0], "otlp"), 17119);
        assert_eq!(ports.of(&REGIONS[1], "postgres"), 17232);
        assert_eq!(ports.of(&REGIONS[1], "patroni-eu"), 17235);
    }

    #[test]
    fn a_taken_default_moves_on_without_collision() {
        let ports = Ports::choose(&BTreeMap::new(), &Slot::unguarded(0), &|p| {
            !(17000..=17002).contains(&p)
        })
        .unwrap();
        assert_eq!(ports.global("load_balancer"), 17003);
        assert_eq!(
            ports.global("supervisor"),
            17004,
            "17003 is used up by the load balancer"
        );
        let mut all: Vec<u16> = ports.chosen.values().copied().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), defaults().len());
    }

    #[test]
    fn a_fixed_port_is_kept_or_refused_never_moved() {
        let ports = Ports::choose(&fixed("etcd", 2379), &Slot::unguarded(0), &|_| true).unwrap();
        assert_eq!(ports.global("etcd"), 2379);
        let refused = Ports::choose(&fixed("etcd", 2379), &Slot::unguarded(0), &|p| p != 2379).unwrap_err();
        assert_eq!(refused.code, crate::error::exit::USAGE);
        assert!(
            refused.what.contains("2379") && refused.what.contains("etcd"),
            "{refused}"
        );
        assert!(Ports::choose(&fixed("etdc", 2379), &Slot::unguarded(0), &|_| true).is_err());
        assert!(
            Ports::choose(
                &BTreeMap::from([("etcd".to_owned(), 1), ("generator".to_owned(), 1)]),
                &Slot::unguarded(0),
                &|_| true
            )
            .is_err()
        );
    }

    #[test]
    fn a_fixed_port_is_not_given_to_another_part() {
        let ports = Ports::choose(&fixed("generator", 17000), &Slot::unguarded(0), &|_| true).unwrap();
        assert_eq!(ports.global("load_balancer"), 17001);
    }

    #[test]
    fn worlds_in_different_slots_share_no_port() {
        let all = |slot| {
            let ports = Ports::choose(&BTreeMap::new(), &Slot::unguarded(slot), &|_| true).unwrap();
            ports.chosen.into_values().collect::<BTreeSet<u16>>()
        };
        assert!(all(0).is_disjoint(&all(1)));
        assert!(all(1).is_disjoint(&all(2)));
        let (first, second) = (Slot::take(), Slot::take());
        assert_ne!(first.number, second.number);
    }

    #[test]
    fn spare_ports_are_free_and_distinct() {
        let ports = Ports::choose(&BTreeMap::new(), &Slot::unguarded(0), &|_| true).unwrap();
        let spare = ports.spare(&REGIONS[0], 2, &|p| p != 17140).unwrap();
        assert_eq!(spare, [17141, 17142]);
    }
}
