//! The bus of a region in another process, over gRPC.

use crate::error::{BusError, Result};
use crate::proto;
use crate::proto::bus_client::BusClient;
use crate::record::{Fetched, Record, Sequenced};
use crate::server::{END_HEADER, MAX_MESSAGE};
use crate::stats::BusStats;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

/// How long a call may take, beyond the time it was asked to wait.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(2);

/// A client of one bus. Cheap to clone; connects when first used and again whenever needed.
#[derive(Clone)]
pub struct RemoteBus {
    url: Arc<str>,
    // Boxed, because it is large beside the embedded bus.
    client: Box<BusClient<InterceptedService<Channel, Bearer>>>,
}

/// Adds the internal token to every call.
#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> std::result::Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl RemoteBus {
    /// A client of the bus at `url` (`http://host:port`); connects later. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`BusError::Invalid`] when the URL or the token cannot be used at all.
    pub fn connect_lazy(url: &str, token: &str) -> Result<Self> {
        let shown = aisoc_model::text::sanitize(url, 200);
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| BusError::Invalid(format!("'{shown}' is not the URL of a bus: {error}")))?
            .connect_timeout(CONNECT)
            .tcp_nodelay(true);
        let mut bearer: MetadataValue<Ascii> = format!("Bearer {}", token.trim())
            .parse()
            .map_err(|_| BusError::Invalid("the internal token holds characters no header can".to_owned()))?;
        bearer.set_sensitive(true);
        let client = BusClient::with_interceptor(endpoint.connect_lazy(), Bearer(bearer))
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        Ok(Self {
            url: shown.into(),
            client: Box::new(client),
        })
    }

    /// Where the bus is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// See [`crate::Bus::append_sequenced`].
    ///
    /// # Errors
    /// As there.
    pub async fn append(
        &self,
        topic: &str,
        records: Vec<Record>,
        numbered: Option<Sequenced>,
    ) -> Result<u64> {
        let (origin, sequences) = numbered.map(|n| (n.origin, n.sequences)).unwrap_or_default();
        let request = proto::AppendRequest {
            topic: topic.to_owned(),
            records: records.into_iter().map(Into::into).collect(),
            origin,
            sequences,
        };
        let mut client = self.client.clone();
        Ok(self.call(topic, 0, PATIENCE, client.append(request)).await?.end)
    }

    /// See [`crate::Bus::fetch`].
    ///
    /// # Errors
    /// As there.
    pub async fn fetch(&self, topic: &str, from: u64, max: usize, wait: Duration) -> Result<Fetched> {
        let request = proto::FetchRequest {
            topic: topic.to_owned(),
            from,
            max_records: u32::try_from(max).unwrap_or(u32::MAX),
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        };
        let mut client = self.client.clone();
        let patience = PATIENCE.saturating_add(wait);
        let response = self.call(topic, from, patience, client.fetch(request)).await?;
        let records = response
            .records
            .into_iter()
            .map(|r| {
                let record = r.record.ok_or_else(|| BusError::Unavailable {
                    url: self.url.to_string(),
                    why: "it answered an offset without a record".to_owned(),
                })?;
                Ok((r.offset, record.into()))
            })
            .collect::<Result<_>>()?;
        Ok(Fetched {
            records,
            end: response.end,
        })
    }

    /// See [`crate::Bus::commit`].
    ///
    /// # Errors
    /// As there.
    pub async fn commit(&self, group: &str, topic: &str, next: u64) -> Result<()> {
        let request = proto::CommitRequest {
            group: group.to_owned(),
            topic: topic.to_owned(),
            next,
        };
        let mut client = self.client.clone();
        self.call(topic, next, PATIENCE, client.commit(request)).await?;
        Ok(())
    }

    /// See [`crate::Bus::committed`].
    ///
    /// # Errors
    /// As there.
    pub async fn committed(&self, group: &str, topic: &str) -> Result<Option<u64>> {
        let request = proto::CommittedRequest {
            group: group.to_owned(),
            topic: topic.to_owned(),
        };
        let mut client = self.client.clone();
        Ok(self
            .call(topic, 0, PATIENCE, client.committed(request))
            .await?
            .next)
    }

    /// See [`crate::Bus::stats`].
    ///
    /// # Errors
    /// As there.
    pub async fn stats(&self) -> Result<BusStats> {
        let mut client = self.client.clone();
        Ok(self
            .call("", 0, PATIENCE, client.stats(proto::StatsRequest {}))
            .await?
            .into())
    }

    async fn call<T>(
        &self,
        topic: &str,
        from: u64,
        patience: Duration,
        answer: impl Future<Output = std::result::Result<Response<T>, Status>>,
    ) -> Result<T> {
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.error(&status, topic, from)),
            Err(_) => Err(BusError::Unavailable {
                url: self.url.to_string(),
                why: format!("no answer within {} s", patience.as_secs()),
            }),
        }
    }

    fn error(&self, status: &Status, topic: &str, from: u64) -> BusError {
        let url = self.url.to_string();
        let why = aisoc_model::text::sanitize(status.message(), 300);
        match status.code() {
            Code::ResourceExhausted => BusError::Refused { url, why },
            Code::Unauthenticated => BusError::Unauthenticated(url),
            Code::InvalidArgument => BusError::Invalid(why),
            Code::OutOfRange => {
                let end = status
                    .metadata()
                    .get(END_HEADER)
                    .and_then(|v| v.to_str().ok()?.parse().ok());
                BusError::BeyondEnd {
                    topic: topic.to_owned(),
                    from,
                    end: end.unwrap_or(0),
                }
            }
            code => BusError::Unavailable {
                url,
                why: format!("{why} ({code:?})"),
            },
        }
    }
}
