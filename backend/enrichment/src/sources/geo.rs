//! Country and network of an address, from MaxMind databases that the operator provides.

use super::{LoadError, Source, SourceError};
use crate::cache::Cache;
use aisoc_model::event::{Enrichment, EventRecord};
use maxminddb::Reader;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Addresses held; an answer takes some 60 bytes.
const CACHED: usize = 16_384;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Place {
    country: Option<String>,
    asn: Option<u32>,
}

/// What is read of an entry; City, Country and ASN databases each have a part of it.
#[derive(Debug, Deserialize)]
struct Entry {
    country: Option<Country>,
    autonomous_system_number: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Country {
    iso_code: Option<String>,
}

/// The databases.
pub struct Geo {
    readers: Vec<Reader<Vec<u8>>>,
    cache: Mutex<Cache<IpAddr, Place>>,
}

impl Geo {
    /// Opens a database, or all `*.mmdb` of a directory.
    ///
    /// # Errors
    /// When one cannot be read or is not a MaxMind database, or when there is none.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let malformed = |path: &Path, problem: String| LoadError::Malformed {
            what: path.display().to_string(),
            problem,
        };
        let mut readers = Vec::new();
        for file in files(path)? {
            let reader = Reader::open_readfile(&file).map_err(|error| malformed(&file, error.to_string()))?;
            readers.push(reader);
        }
        if readers.is_empty() {
            return Err(malformed(path, "the directory holds no .mmdb file".to_owned()));
        }
        Ok(Self {
            readers,
            cache: Mutex::new(Cache::new(CACHED)),
        })
    }

    fn place(&self, ip: IpAddr) -> Result<Place, SourceError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get_or_try(&ip, || {
            let mut place = Place::default();
            for reader in &self.readers {
                let entry: Option<Entry> = reader
                    .lookup(ip)
                    .and_then(|found| found.decode())
                    .map_err(|error| SourceError(error.to_string()))?;
                if let Some(entry) = entry {
                    place.country = place.country.or(entry.country.and_then(|c| c.iso_code));
                    place.asn = place.asn.or(entry.autonomous_system_number);
                }
            }
            Ok(place)
        })
    }
}

impl Source for Geo {
    fn name(&self) -> &'static str {
        "geoip"
    }

    fn add(&self, event: &EventRecord, to: &mut Enrichment) -> Result<(), SourceError> {
        let ip = event
            .entities
            .ip
            .as_deref()
            .and_then(|ip| ip.parse::<IpAddr>().ok());
        if let Some(ip) = ip {
            let place = self.place(ip.to_canonical())?;
            to.country = place.country;
            to.asn = place.asn;
        }
        Ok(())
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let read = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(read)? {
        let file = entry.map_err(read)?.path();
        if file.extension().is_some_and(|extension| extension == "mmdb") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observables::tests::event;

    /// A database in which every IPv4 address below 128.0.0.0 is in `NL`, AS 64500, and no other is known.
    ///
    /// One node: the left record points into the data section, the right one says "not found".
    fn database() -> Vec<u8> {
        const NODES: u32 = 1;
        let mut file = Vec::new();
        let record = |value: u32| value.to_be_bytes()[1..].to_vec();
        file.extend(record(NODES + 16));
        file.extend(record(NODES));
        file.extend([0; 16]);
        file.extend(map(&[
            ("country", map(&[("iso_code", text("NL"))])),
            ("autonomous_system_number", number(6, 64_500)),
        ]));
        file.extend(b"\xab\xcd\xefMaxMind.com");
        file.extend(map(&[
            ("node_count", number(6, NODES)),
            ("record_size", number(5, 24)),
            ("ip_version", number(5, 4)),
            ("database_type", text("Test")),
            ("languages", vec![0, 4]),
            ("binary_format_major_version", number(5, 2)),
            ("binary_format_minor_version", number(5, 0)),
            // Extended type 9 (uint64) of no bytes: the epoch.
            ("build_epoch", vec![0, 2]),
            ("description", map(&[])),
        ]));
        file
    }

    fn text(value: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let length = u8::try_from(value.len()).unwrap();
        if length < 29 {
            out.push((2 << 5) + length);
        } else {
            out.extend([(2 << 5) + 29, length - 29]);
        }
        out.extend(value.as_bytes());
        out
    }

    fn number(kind: u8, value: u32) -> Vec<u8> {
        let bytes = value.to_be_bytes();
        let bytes = if kind == 5 { &bytes[2..] } else { &bytes[..] };
        let mut out = vec![(kind << 5) + u8::try_from(bytes.len()).unwrap()];
        out.extend(bytes);
        out
    }

    fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut out = vec![(7 << 5) + u8::try_from(entries.len()).unwrap()];
        for (key, value) in entries {
            out.extend(text(key));
            out.extend(value);
        }
        out
    }

    fn enriched(geo: &Geo, ip: &str) -> Enrichment {
        let mut event = event(serde_json::json!({}));
        event.entities.ip = Some(ip.to_owned());
        let mut enrichment = Enrichment::default();
        geo.add(&event, &mut enrichment).unwrap();
        enrichment
    }

    #[test]
    fn a_database_gives_country_and_network() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.mmdb"), database()).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "not a database").unwrap();
        for geo in [Geo::open(dir.path()), Geo::open(&dir.path().join("a.mmdb"))] {
            let geo = geo.unwrap();
            let known = enriched(&geo, "100.1.2.3");
            assert_eq!((known.country.as_deref(), known.asn), (Some("NL"), Some(64_500)));
            assert_eq!(enriched(&geo, "100.1.2.3"), known, "from the cache");
            assert_eq!(enriched(&geo, "200.1.2.3"), Enrichment::default());
            assert_eq!(enriched(&geo, "AWS Internal"), Enrichment::default());
        }
    }

    #[test]
    fn what_is_no_database_is_refused_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Geo::open(dir.path()).is_err());
        let file = dir.path().join("x.mmdb");
        assert!(Geo::open(&file).is_err());
        std::fs::write(&file, "nonsense").unwrap();
        assert!(Geo::open(&file).is_err());
    }
}
