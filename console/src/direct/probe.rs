//! Asking health endpoints: one bounded HTTP request each, all at once.

use super::{Answer, Endpoint, Said};
use aisoc_model::text::sanitize;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Time for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Largest body that is read.
const MOST_BYTES: usize = 64 * 1024;

/// Asks all of them; the answers are in the order of the questions.
pub async fn ask(endpoints: Vec<Endpoint>) -> Vec<Answer> {
    let mut asking = JoinSet::new();
    for (index, endpoint) in endpoints.into_iter().enumerate() {
        asking.spawn(async move {
            let result = match tokio::time::timeout(PATIENCE, get(&endpoint.url)).await {
                Ok(result) => result.map_err(|why| sanitize(&why, 200)),
                Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
            };
            (index, Answer { endpoint, result })
        });
    }
    let mut answers = Vec::new();
    while let Some(done) = asking.join_next().await {
        answers.extend(done.ok());
    }
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// `GET /api/health`.
async fn get(url: &str) -> Result<Said, String> {
    let uri: Uri = format!("{}/api/health", url.trim_end_matches('/'))
        .parse()
        .map_err(|e| format!("{url}: {e}"))?;
    if uri.scheme_str() != Some("http") {
        return Err(format!("{url}: only http:// can be asked directly"));
    }
    let authority = uri.authority().ok_or_else(|| format!("{url}: no host"))?.clone();
    let began = Instant::now();
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80)))
        .await
        .map_err(|e| e.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    let running = tokio::spawn(connection);
    let request = Request::get(uri.path())
        .header(HOST, authority.as_str())
        .body(Empty::<Bytes>::new())
        .map_err(|e| e.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MOST_BYTES)
            .collect()
            .await
            .map_err(|e| e.to_string())?
            .to_bytes();
        Ok::<_, String>((status, body))
    };
    let result = answer.await;
    running.abort();
    let (status, body) = result?;
    Ok(Said {
        status,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        reason: (status != 200).then(|| reason(&body)).flatten(),
    })
}

/// The body's `reason`.
fn reason(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    body.get("reason")?.as_str().map(|text| sanitize(text, 200))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn endpoint(url: String) -> Endpoint {
        Endpoint {
            region: "us-east-1".parse().unwrap(),
            instance: "api-a".to_owned(),
            url,
        }
    }

    /// A server that answers one connection with these bytes.
    async fn serve(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1_024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /api/health HTTP/1.1"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        url
    }

    #[tokio::test]
    async fn every_answer_is_told_in_order() {
        let well = serve("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
        let body = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 34\r\n\r\n{\"reason\":\"database \\u001bunreachable\"}";
        let sick = serve(Box::leak(body.replace("34", "39").into_boxed_str())).await;
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gone = format!("http://{}", nobody.local_addr().unwrap());
        drop(nobody);
        let answers = ask(vec![
            endpoint(well),
            endpoint(sick),
            endpoint(gone),
            endpoint("https://localhost".to_owned()),
        ])
        .await;
        let status = |at: usize| answers[at].result.as_ref().map(|said| said.status);
        assert_eq!((status(0), status(1)), (Ok(200), Ok(503)));
        let reason = answers[1].result.as_ref().unwrap().reason.clone().unwrap();
        assert!(
            reason.contains("unreachable") && !reason.contains('\u{1b}'),
            "{reason}"
        );
        assert!(answers[2].result.is_err() && answers[3].result.is_err());
    }
}
