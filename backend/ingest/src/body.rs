//! Reads a request's body within its bounds, also when it is compressed.

use crate::answer::Refusal;
use axum::body::BodyDataStream;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures::StreamExt;
use std::io::Read;
use std::time::Duration;

/// Bytes and time that the rest of a refused body may take.
const DRAIN: (usize, Duration) = (64 << 20, Duration::from_secs(5));

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// gzip.
    Gzip,
}

impl Encoding {
    /// Reads `Content-Encoding`.
    ///
    /// # Errors
    /// 415 for anything but gzip.
    pub fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else {
            return Ok(Self::Identity);
        };
        match value
            .to_str()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
            .as_str()
        {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            other => Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_encoding",
                &format!("content encoding '{other}' is not supported"),
                "send the body uncompressed or with gzip",
            )),
        }
    }
}

/// 413 for a body of more than `limit` bytes.
#[must_use]
pub fn too_large(limit: usize) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        &format!("the body is larger than {limit} bytes"),
        "split the batch into smaller requests",
    )
}

/// The length that the client announced; refused at once when it is over `limit`.
///
/// # Errors
/// 413 over the limit.
pub fn announced(headers: &HeaderMap, limit: usize) -> Result<Option<usize>, Refusal> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    match length {
        Some(length) if length > limit => Err(too_large(limit)),
        length => Ok(length),
    }
}

/// Collects the body.
///
/// # Errors
/// 413 over the limit, 408 when it does not arrive within `time`, 400 when the connection breaks.
pub async fn read(stream: &mut BodyDataStream, limit: usize, time: Duration) -> Result<Bytes, Refusal> {
    let collect = async {
        let mut whole = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| {
                Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "broken_body",
                    &format!("the body did not arrive whole: {error}"),
                    "send the request again",
                )
            })?;
            if whole.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(time, collect).await.unwrap_or_else(|_| {
        Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow_body",
            &format!("the body did not arrive within {} s", time.as_secs()),
            "send smaller batches",
        ))
    })
}

/// Takes the rest of a refused body off the connection, within bounds. A client that is still sending when
/// the connection closes sees a broken pipe instead of the answer that says what is wrong.
pub async fn drain(stream: &mut BodyDataStream) {
    let rest = async {
        let mut bytes = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            bytes += chunk.len();
            if bytes > DRAIN.0 {
                return;
            }
        }
    };
    // What is longer or slower than this has to live with the broken connection.
    let _ = tokio::time::timeout(DRAIN.1, rest).await;
}

/// Undoes the compression; a small body that unpacks to a huge one is refused like a huge one.
///
/// # Errors
/// 413 over the limit, 400 for bytes that are not gzip.
pub fn decode(body: Bytes, encoding: Encoding, limit: usize) -> Result<Bytes, Refusal> {
    if encoding == Encoding::Identity {
        return Ok(body);
    }
    let mut plain = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(body.as_ref())
        .take(most)
        .read_to_end(&mut plain)
        .map_err(|error| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                "broken_gzip",
                &format!("the body is not valid gzip: {error}"),
                "compress the body again or send it uncompressed",
            )
        })?;
    if plain.len() > limit {
        return Err(too_large(limit));
    }
    Ok(plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(plain: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn gzip_is_undone_within_the_limit() {
        assert_eq!(decode(gzip(b"hello"), Encoding::Gzip, 5).unwrap(), "hello");
        let bomb = gzip(&vec![0; 1 << 20]);
        assert!(bomb.len() < 5000);
        let refused = decode(bomb, Encoding::Gzip, 100_000).unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        let refused = decode(Bytes::from_static(b"nonsense"), Encoding::Gzip, 100).unwrap_err();
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    }

    fn stream(body: impl Into<Body>) -> BodyDataStream {
        body.into().into_data_stream()
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_and_drained() {
        let chunks =
            futures::stream::iter((0..9).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"xxx"))));
        let mut body = stream(Body::from_stream(chunks));
        let refused = read(&mut body, 10, Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        drain(&mut body).await;
        assert!(body.next().await.is_none());
        let mut exact = stream("0123456789");
        assert_eq!(
            read(&mut exact, 10, Duration::from_secs(1)).await.unwrap(),
            "0123456789"
        );
    }

    #[tokio::test]
    async fn a_body_that_never_comes_is_given_up() {
        let never = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        let refused = read(&mut stream(never), 10, Duration::from_millis(10))
            .await
            .unwrap_err();
        assert_eq!(refused.status, StatusCode::REQUEST_TIMEOUT);
    }
}
