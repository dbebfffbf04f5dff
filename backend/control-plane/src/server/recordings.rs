//! Recordings for consoles. Each control plane has what it drew itself; the one that is asked looks at the others', too,
//! so that what was before a takeover is still there while the former one lives.

use super::auth;
use super::relay::{Front, ORIGIN, RELAYED_BY, Way};
use crate::coordination::keys::Member;
use crate::world::recording::{Segment, Shelf};
use aisoc_model::text::sanitize;
use aisoc_rpc::proto;
use aisoc_rpc::proto::regions_client::RegionsClient;
use aisoc_rpc::proto::regions_server::Regions;
use aisoc_rpc::recording::{GAP_MS, START, start};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Request, Response, Status};

/// A recording on its way.
pub(super) type Pieces = BoxStream<'static, Result<proto::RecordingPiece, Status>>;

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;
/// Stretches that a range is put together from, at most.
const MAX_PARTS: usize = 64;
/// Time for another control plane to say what it has.
const PATIENCE: Duration = Duration::from_secs(2);

/// The times that some segments are of, those without a gap between them together.
pub(super) fn spans(control_plane: &str, segments: &[Segment]) -> Vec<proto::RecordedSpan> {
    let mut spans: Vec<proto::RecordedSpan> = Vec::new();
    for segment in segments {
        match spans.last_mut() {
            Some(last) if segment.from.saturating_sub(last.to_ms) <= GAP_MS => {
                last.to_ms = last.to_ms.max(segment.to);
                last.bytes = last.bytes.saturating_add(segment.bytes);
            }
            _ => spans.push(proto::RecordedSpan {
                control_plane: control_plane.to_owned(),
                from_ms: segment.from,
                to_ms: segment.to,
                bytes: segment.bytes,
            }),
        }
    }
    spans
}

/// Reads a range of time from this control plane's disk.
pub(super) async fn read(
    shelf: Arc<Shelf>,
    (from, to): (i64, i64),
    place: OwnedSemaphorePermit,
) -> Result<Pieces, Status> {
    if from > to {
        return Err(Status::invalid_argument("the range ends before it begins"));
    }
    let found = {
        let shelf = Arc::clone(&shelf);
        tokio::task::spawn_blocking(move || shelf.extents(from, to)).await
    };
    let extents = found
        .map_err(|e| Status::internal(e.to_string()))?
        .map_err(|e| Status::internal(format!("the recording cannot be read: {e}")))?;
    if extents.is_empty() {
        return Err(Status::not_found("nothing is recorded here of that time"));
    }
    let (sender, receiver) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let send = |piece: Result<Vec<u8>, std::io::Error>| {
            let piece = piece
                .map(|bytes| proto::RecordingPiece { bytes })
                .map_err(|e| Status::internal(format!("the recording cannot be read: {e}")));
            let ended = piece.is_err();
            sender.blocking_send(piece).is_ok() && !ended
        };
        if !send(Ok(start())) {
            return;
        }
        for extent in extents {
            let opened = std::fs::File::open(&extent.path).and_then(|mut file| {
                file.seek(SeekFrom::Start(extent.offset))?;
                Ok(file.take(extent.bytes))
            });
            let mut file = match opened {
                Ok(file) => file,
                // The oldest may be removed while the newer ones are read.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    send(Err(error));
                    return;
                }
            };
            loop {
                let mut bytes = Vec::with_capacity(PIECE);
                let most = u64::try_from(PIECE).unwrap_or(u64::MAX);
                let read = file.by_ref().take(most).read_to_end(&mut bytes);
                match read {
                    Ok(0) => break,
                    Ok(_) if send(Ok(bytes)) => {}
                    Ok(_) => return,
                    Err(error) => {
                        send(Err(error));
                        return;
                    }
                }
            }
        }
    });
    Ok(ReceiverStream::new(receiver).boxed())
}

/// What there is, here and at the others.
pub(super) async fn list(
    front: &Front,
    request: Request<proto::ListRecordingsRequest>,
) -> Result<Response<proto::ListRecordingsReply>, Status> {
    if request.get_ref().own {
        return front.service.list_recordings(request).await;
    }
    if let Way::There(mut there) = front.way(&request)? {
        let answer = there.client.list_recordings(front.onward(request)).await;
        return there.answer(answer);
    }
    auth::caller(&request)?;
    let asked = Others::of(front, &request).everyone().await;
    let own = front.service.list_recordings(request).await?.into_inner();
    let (mut spans, mut silent) = (own.spans, own.silent);
    for (member, answer) in asked {
        match answer {
            Ok(more) => spans.extend(more),
            Err(why) => {
                tracing::debug!(control_plane = %member.name, why, "does not say what it has recorded");
                silent.push(member.name);
            }
        }
    }
    spans.sort_by_key(|span| span.from_ms);
    Ok(Response::new(proto::ListRecordingsReply { spans, silent }))
}

/// A range of time, from wherever it is.
pub(super) async fn fetch(
    front: &Front,
    request: Request<proto::FetchRecordingRequest>,
) -> Result<Response<Pieces>, Status> {
    if request.get_ref().own {
        return front.service.fetch_recording(request).await;
    }
    if let Way::There(mut there) = front.way(&request)? {
        let answer = there.client.fetch_recording(front.onward(request)).await;
        let pieces = there.answer(answer)?.into_inner();
        return Ok(Response::new(pieces.boxed()));
    }
    auth::caller(&request)?;
    let others = Others::of(front, &request);
    let range = (request.get_ref().from_ms, request.get_ref().to_ms);
    let mut held: Vec<(Option<Member>, Vec<proto::RecordedSpan>)> = Vec::new();
    for (member, answer) in others.everyone().await {
        held.push((Some(member), answer.unwrap_or_default()));
    }
    if parts(range, held.clone()).is_empty() {
        return front.service.fetch_recording(request).await;
    }
    held.push((None, spans("", &front.service.parts.shelf.segments())));
    let mut all = Vec::new();
    for (from_ms, to_ms, member) in parts(range, held) {
        let part = proto::FetchRecordingRequest {
            from_ms,
            to_ms,
            own: true,
        };
        let pieces = match &member {
            None => {
                let mut own = Request::new(part);
                *own.extensions_mut() = request.extensions().clone();
                front.service.fetch_recording(own).await.map(Response::into_inner)
            }
            Some(member) => others.fetch(member, part).await,
        }?;
        all.push(pieces);
    }
    Ok(Response::new(joined(all)))
}

/// The stretches that a range of time is put together from, with who holds each. The right to draw frames goes from one
/// to the other and back: stretch after stretch is the order of time.
fn parts<M: Clone>((from, to): (i64, i64), held: Vec<(M, Vec<proto::RecordedSpan>)>) -> Vec<(i64, i64, M)> {
    let each = held
        .into_iter()
        .flat_map(|(holder, spans)| spans.into_iter().map(move |span| (span, holder.clone())));
    let mut parts: Vec<(i64, i64, M)> = each
        .filter(|(span, _)| span.from_ms <= to && span.to_ms >= from)
        .map(|(span, holder)| (span.from_ms.max(from), span.to_ms.min(to), holder))
        .collect();
    parts.sort_by_key(|(from, ..)| *from);
    parts.truncate(MAX_PARTS);
    parts
}

/// Recordings one after the other, as one.
fn joined(all: Vec<Pieces>) -> Pieces {
    let all = all.into_iter().enumerate();
    let one = all.map(|(index, pieces)| if index == 0 { pieces } else { headless(pieces) });
    futures::stream::iter(one.collect::<Vec<_>>()).flatten().boxed()
}

/// A recording without the bytes that a file begins with: it follows another one.
fn headless(pieces: Pieces) -> Pieces {
    let mut left = START;
    pieces
        .map(move |piece| {
            piece.map(|mut piece| {
                let cut = left.min(piece.bytes.len());
                piece.bytes.drain(..cut);
                left -= cut;
                piece
            })
        })
        .boxed()
}

/// The other control planes that are alive, asked with the caller's own token.
struct Others {
    members: Vec<Member>,
    metadata: tonic::metadata::MetadataMap,
}

impl Others {
    fn of<T>(front: &Front, request: &Request<T>) -> Self {
        let me = front.service.name();
        let members = front
            .service
            .parts
            .right
            .as_ref()
            .map(|right| right.seen().members);
        let mut metadata = tonic::metadata::MetadataMap::new();
        if let Some(token) = request.metadata().get("authorization") {
            metadata.insert("authorization", token.clone());
        }
        for (name, text) in [
            (RELAYED_BY, me.clone()),
            (ORIGIN, super::service::origin(request)),
        ] {
            if let Ok(text) = text.parse() {
                metadata.insert(name, text);
            }
        }
        let others = members.into_iter().flatten().filter(|member| member.name != me);
        Self {
            members: others.collect(),
            metadata,
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        request
    }

    /// What each of them has.
    async fn everyone(&self) -> Vec<(Member, Result<Vec<proto::RecordedSpan>, String>)> {
        let asked = self.members.iter().map(|member| async move {
            let ask = async {
                let mut client = connect(member).await?;
                let request = self.request(proto::ListRecordingsRequest { own: true });
                let reply = client.list_recordings(request).await;
                reply
                    .map(|reply| reply.into_inner().spans)
                    .map_err(|status| sanitize(status.message(), 200))
            };
            let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
            let answer = tokio::time::timeout(PATIENCE, ask)
                .await
                .unwrap_or_else(|_| late());
            (member.clone(), answer)
        });
        futures::future::join_all(asked).await
    }

    async fn fetch(&self, member: &Member, part: proto::FetchRecordingRequest) -> Result<Pieces, Status> {
        let unreachable = |why: String| Status::unavailable(format!("{}: {why}", member.name));
        let mut client = connect(member).await.map_err(unreachable)?;
        let reply = client.fetch_recording(self.request(part)).await;
        reply.map(|pieces| pieces.into_inner().boxed())
    }
}

async fn connect(member: &Member) -> Result<RegionsClient<tonic::transport::Channel>, String> {
    let endpoint = Endpoint::from_shared(member.consoles.clone()).map_err(|e| e.to_string())?;
    let channel = endpoint.connect_timeout(PATIENCE).connect().await;
    Ok(RegionsClient::new(channel.map_err(|e| e.to_string())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::example;
    use aisoc_rpc::recording::{Tape, Writer};

    fn span(from_ms: i64, to_ms: i64) -> proto::RecordedSpan {
        proto::RecordedSpan {
            control_plane: String::new(),
            from_ms,
            to_ms,
            bytes: 1,
        }
    }

    #[test]
    fn a_range_is_put_together_in_the_order_of_time_whoever_holds_it() {
        // The right to draw went from a to b, back to a, and on to c.
        let held = || {
            vec![
                ("a", vec![span(0, 100), span(220, 300)]),
                ("b", vec![span(110, 210)]),
                ("c", vec![span(310, 400)]),
            ]
        };
        let whole = [(0, 100, "a"), (110, 210, "b"), (220, 300, "a"), (310, 400, "c")];
        assert_eq!(parts((0, 400), held()), whole);
        assert_eq!(
            parts((150, 305), held()),
            [(150, 210, "b"), (220, 300, "a")],
            "cut to the range, and nothing from outside"
        );
        assert!(parts((101, 109), held()).is_empty());
        let many = (0..200).map(|n| span(n * 10, n * 10 + 5)).collect();
        assert_eq!(parts((0, 10_000), vec![("a", many)]).len(), MAX_PARTS);
    }

    /// What a control plane recorded, sent in pieces of a few bytes.
    fn recorded(control_plane: &str, seconds: std::ops::Range<i64>) -> Pieces {
        let mut writer = Writer::default();
        let mut bytes = start();
        for second in seconds {
            let mut world = example::world();
            world.head.control_plane = control_plane.to_owned();
            world.head.at = jiff::Timestamp::from_second(1_795_348_800 + second).unwrap();
            world.head.seq = u64::try_from(second).unwrap();
            bytes.extend(writer.frame(&world).unwrap());
        }
        let pieces: Vec<_> = bytes
            .chunks(7)
            .map(|bytes| {
                Ok(proto::RecordingPiece {
                    bytes: bytes.to_vec(),
                })
            })
            .collect();
        futures::stream::iter(pieces).boxed()
    }

    #[tokio::test]
    async fn what_several_control_planes_recorded_is_read_as_one() {
        let all = vec![recorded("us", 0..4), recorded("eu", 4..7), recorded("us", 7..9)];
        let mut bytes = Vec::new();
        let mut pieces = joined(all);
        while let Some(piece) = pieces.next().await {
            bytes.extend(piece.unwrap().bytes);
        }
        let mut tape = Tape::read(bytes).unwrap();
        assert_eq!((tape.marks().len(), tape.torn()), (9, None));
        let by: Vec<String> = (0..9)
            .map(|index| tape.world(index).unwrap().head.control_plane)
            .collect();
        assert_eq!(by, ["us", "us", "us", "us", "eu", "eu", "eu", "us", "us"]);
        // Backwards, over where one ends and another begins.
        assert_eq!(tape.world(4).unwrap().head.seq, 4);
        assert_eq!(tape.world(3).unwrap().head.control_plane, "us");
    }
}
