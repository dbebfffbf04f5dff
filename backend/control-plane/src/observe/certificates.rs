//! TLS certificates, read from the files that their servers read: when does each end?
//!
//! Not asked over the network: in TLS 1.3 a certificate is sent encrypted, and what a server will present after its
//! next restart is in the file.

use super::board::Seen;
use super::{Look, settle};
use aisoc_model::certificate::Validity;
use aisoc_model::text::sanitize;
use aisoc_model::topology::CertificateConfig;
use jiff::Timestamp;
use x509_cert::Certificate;

/// Largest file that is read: a chain is a few kilobytes.
const LARGEST: u64 = 256 * 1024;

/// Looks at one file.
pub(super) struct CertificateFile {
    pub(super) config: CertificateConfig,
}

impl CertificateFile {
    /// The name of its source.
    pub(super) fn source_of(config: &CertificateConfig) -> String {
        format!("certificate:{}", config.name)
    }
}

impl Look for CertificateFile {
    type Seen = Validity;

    fn source(&self) -> String {
        Self::source_of(&self.config)
    }

    async fn look(&mut self, _now: Timestamp) -> Result<Validity, String> {
        let file = &self.config.file;
        let failed = |why: &dyn std::fmt::Display| format!("certificate file {file}: {why}");
        let size = tokio::fs::metadata(file).await.map_err(|e| failed(&e))?.len();
        if size > LARGEST {
            return Err(failed(&format!("{size} bytes are no certificate")));
        }
        let bytes = tokio::fs::read(file).await.map_err(|e| failed(&e))?;
        validity(&bytes).map_err(|e| failed(&e))
    }

    fn file(&mut self, seen: &mut Seen, result: Result<Validity, String>, at: Timestamp) -> bool {
        if let Some(certificate) = seen.certificates.get_mut(&self.config.name) {
            settle(&mut certificate.says, result, at);
        }
        false
    }
}

/// Whose a PEM chain is (its first certificate), and when the first of it ends.
fn validity(pem: &[u8]) -> Result<Validity, String> {
    let chain = Certificate::load_pem_chain(pem).map_err(|e| format!("is no PEM certificate: {e}"))?;
    let leaf = chain
        .first()
        .ok_or_else(|| "has no certificate in it".to_owned())?;
    let ends = chain.iter().map(|certificate| {
        let end = certificate.tbs_certificate().validity().not_after;
        end.to_unix_duration().as_secs()
    });
    let end = ends.min().unwrap_or_default();
    let not_after = i64::try_from(end)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| "ends at a time that no calendar has".to_owned())?;
    Ok(Validity {
        subject: sanitize(&leaf.tbs_certificate().subject().to_string(), 120),
        not_after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A leaf of 90 days in front of its authority of 100 years, made with `openssl x509`.
    const CHAIN: &[u8] = include_bytes!("testdata/chain.pem");

    #[test]
    fn a_chain_ends_with_the_first_of_it() {
        let seen = validity(CHAIN).unwrap();
        assert_eq!(seen.not_after.to_string(), "2027-02-20T18:46:32Z");
        assert!(seen.subject.contains("CN=api.example.org"), "{}", seen.subject);
        let day = jiff::SignedDuration::from_hours(24);
        assert!((seen.days_left(seen.not_after - day * 13) - 13.0).abs() < 1e-9);
        assert!(seen.days_left(seen.not_after + day) < 0.0);
    }

    #[test]
    fn what_is_no_certificate_is_said() {
        assert!(validity(b"").is_err());
        let why = validity(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap_err();
        assert!(why.contains("no PEM certificate"), "{why}");
    }

    #[tokio::test]
    async fn a_missing_file_is_a_problem_of_its_source() {
        let mut source = CertificateFile {
            config: CertificateConfig {
                name: "api".to_owned(),
                file: "/nonexistent/tls.crt".to_owned(),
                region: None,
            },
        };
        assert_eq!(source.source(), "certificate:api");
        let why = source.look(Timestamp::UNIX_EPOCH).await.unwrap_err();
        assert!(why.contains("/nonexistent/tls.crt"), "{why}");
    }
}
