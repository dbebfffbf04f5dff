//! A control plane that stands by answers consoles, too: it asks the one that may act, with the caller's own token.

use super::auth;
use super::recordings::{self, Pieces};
use super::service::Service;
use crate::coordination::keys::Member;
use aisoc_model::text::sanitize;
use aisoc_rpc::proto;
use aisoc_rpc::proto::regions_client::RegionsClient;
use aisoc_rpc::proto::regions_server::Regions;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

/// Who passed a request on.
pub(super) const RELAYED_BY: &str = "aisoc-relayed-by";
/// Where a request that was passed on came from.
pub(super) const ORIGIN: &str = "aisoc-origin";
/// Largest answer, as consoles take it.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// Who answers consoles.
#[derive(Debug, Clone)]
pub enum Role {
    /// This control plane, until the token is cancelled.
    Here(CancellationToken),
    /// Another one.
    There(Member),
    /// Nobody, for this reason.
    Nobody(String),
}

impl Role {
    /// A control plane that answers itself, always.
    #[must_use]
    pub fn always_here() -> watch::Receiver<Self> {
        watch::channel(Self::Here(CancellationToken::new())).1
    }
}

/// The service that consoles speak to, wherever the answer is made.
pub(super) struct Front {
    pub(super) service: Service,
    pub(super) role: watch::Receiver<Role>,
    pub(super) channel: Arc<Mutex<Option<(String, Channel)>>>,
}

/// The way to an answer.
pub(super) enum Way {
    Here,
    There(Box<There>),
}

pub(super) struct There {
    holder: Member,
    pub(super) client: RegionsClient<Channel>,
}

impl There {
    /// What the holder's answer means to the caller.
    pub(super) fn answer<T>(&self, result: Result<Response<T>, Status>) -> Result<Response<T>, Status> {
        result.map_err(|status| match status.code() {
            Code::Unavailable => Status::unavailable(format!(
                "this control plane stands by, and {}, which may act, does not answer: {}; try again in some seconds",
                self.holder.name,
                sanitize(status.message(), 300)
            )),
            _ => Status::new(status.code(), status.message()),
        })
    }
}

impl Front {
    pub(super) fn way<T>(&self, request: &Request<T>) -> Result<Way, Status> {
        let role = self.role.borrow().clone();
        let holder = match role {
            Role::Here(_) => return Ok(Way::Here),
            Role::There(holder) => holder,
            Role::Nobody(why) => {
                return Err(Status::unavailable(format!(
                    "no control plane may act now: {why}; try again in some seconds"
                )));
            }
        };
        auth::caller(request)?;
        if request.metadata().contains_key(RELAYED_BY) {
            return Err(Status::unavailable(format!(
                "passed on to a control plane that stands by itself: {} may act, as far as is known here; try again",
                holder.name
            )));
        }
        let client =
            RegionsClient::new(self.channel(&holder.consoles)?).max_decoding_message_size(MAX_ANSWER);
        Ok(Way::There(Box::new(There { holder, client })))
    }

    /// The connection to the holder; made anew when there is another one.
    fn channel(&self, address: &str) -> Result<Channel, Status> {
        let mut held = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, channel)) = held.as_ref()
            && at == address
        {
            return Ok(channel.clone());
        }
        let endpoint = Endpoint::from_shared(address.to_owned())
            .map_err(|e| Status::unavailable(format!("the holder's address '{address}': {e}")))?
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(5));
        let channel = endpoint.connect_lazy();
        *held = Some((address.to_owned(), channel.clone()));
        Ok(channel)
    }

    /// The same request for the holder: with the caller's token, and with where it came from.
    pub(super) fn onward<T>(&self, request: Request<T>) -> Request<T> {
        let origin = super::service::origin(&request);
        let authorization = request.metadata().get("authorization").cloned();
        let me = self.service.name();
        let mut onward = Request::new(request.into_inner());
        let metadata = onward.metadata_mut();
        if let Some(authorization) = authorization {
            metadata.insert("authorization", authorization);
        }
        let text =
            |text: &str| MetadataValue::try_from(text).unwrap_or_else(|_| MetadataValue::from_static("?"));
        metadata.insert(RELAYED_BY, text(&me));
        metadata.insert(ORIGIN, text(&origin));
        onward
    }
}

#[tonic::async_trait]
impl Regions for Front {
    type WatchStream = BoxStream<'static, Result<proto::Frame, Status>>;

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.watch(request).await,
            Way::There(mut there) => {
                let mut role = self.role.clone();
                role.mark_unchanged();
                let frames = there.client.watch(self.onward(request)).await;
                let frames = there.answer(frames)?.into_inner();
                // Another holder: the console connects again, and sees whom it speaks to.
                let moved = async move {
                    let _ = role.changed().await;
                };
                Ok(Response::new(frames.take_until(Box::pin(moved)).boxed()))
            }
        }
    }

    async fn who_am_i(
        &self,
        request: Request<proto::WhoAmIRequest>,
    ) -> Result<Response<proto::Identity>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.who_am_i(request).await,
            Way::There(mut there) => {
                let answer = there.client.who_am_i(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn plan(&self, request: Request<proto::PlanRequest>) -> Result<Response<proto::PlanReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.plan(request).await,
            Way::There(mut there) => {
                let answer = there.client.plan(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn standing(
        &self,
        request: Request<proto::StandingRequest>,
    ) -> Result<Response<proto::StandingReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.standing(request).await,
            Way::There(mut there) => {
                let answer = there.client.standing(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn execute(
        &self,
        request: Request<proto::ExecuteRequest>,
    ) -> Result<Response<proto::ExecuteReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.execute(request).await,
            Way::There(mut there) => {
                let answer = there.client.execute(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn get_plan(
        &self,
        request: Request<proto::GetPlanRequest>,
    ) -> Result<Response<proto::PlanReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.get_plan(request).await,
            Way::There(mut there) => {
                let answer = there.client.get_plan(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn approve(
        &self,
        request: Request<proto::ApproveRequest>,
    ) -> Result<Response<proto::ApproveReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.approve(request).await,
            Way::There(mut there) => {
                let answer = there.client.approve(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn get_operation(
        &self,
        request: Request<proto::GetOperationRequest>,
    ) -> Result<Response<proto::OperationReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.get_operation(request).await,
            Way::There(mut there) => {
                let answer = there.client.get_operation(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn resolve(
        &self,
        request: Request<proto::ResolveRequest>,
    ) -> Result<Response<proto::OperationReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.resolve(request).await,
            Way::There(mut there) => {
                let answer = there.client.resolve(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn acknowledge(
        &self,
        request: Request<proto::AcknowledgeRequest>,
    ) -> Result<Response<proto::AcknowledgeReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.acknowledge(request).await,
            Way::There(mut there) => {
                let answer = there.client.acknowledge(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn get_record(
        &self,
        request: Request<proto::GetOperationRequest>,
    ) -> Result<Response<proto::RecordReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.get_record(request).await,
            Way::There(mut there) => {
                let answer = there.client.get_record(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn runbook(
        &self,
        request: Request<proto::RunbookRequest>,
    ) -> Result<Response<proto::RunbookReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.runbook(request).await,
            Way::There(mut there) => {
                let answer = there.client.runbook(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn list_operations(
        &self,
        request: Request<proto::ListOperationsRequest>,
    ) -> Result<Response<proto::ListOperationsReply>, Status> {
        match self.way(&request)? {
            Way::Here => self.service.list_operations(request).await,
            Way::There(mut there) => {
                let answer = there.client.list_operations(self.onward(request)).await;
                there.answer(answer)
            }
        }
    }

    async fn list_recordings(
        &self,
        request: Request<proto::ListRecordingsRequest>,
    ) -> Result<Response<proto::ListRecordingsReply>, Status> {
        recordings::list(self, request).await
    }

    type FetchRecordingStream = Pieces;

    async fn fetch_recording(
        &self,
        request: Request<proto::FetchRecordingRequest>,
    ) -> Result<Response<Self::FetchRecordingStream>, Status> {
        recordings::fetch(self, request).await
    }
}
