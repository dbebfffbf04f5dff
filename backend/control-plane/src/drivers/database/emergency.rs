//! What an unplanned failover needs of Patroni: how every member stands, and the leader key taken from a leader that
//! is fenced, or a standby cluster made one of its own.

use super::dcs::{Dcs, LeaderKey};
use super::standing::{Agent, Knock, Knocks, MemberStanding, Standing};
use super::{Seen, sql};
use crate::clients::patroni::{MemberStatus, PatroniClient, PatroniError};
use crate::clients::postgres::MemberDatabase;
use crate::drivers::DriverError;
use aisoc_model::topology::{DatabaseCluster, DatabaseLayout};
use aisoc_model::{Clock, RegionId};
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Members that are frozen cost this much of the time in which nobody writes.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long Patroni may take to note the candidate before the lease is ended without.
const NAMING: Duration = Duration::from_millis(600);
/// Time between two looks for that.
const NAMING_POLL: Duration = Duration::from_millis(8);

/// When the candidate is woken after the leader's lease was ended: early for a quick agent, again for a slow one.
const WAKE: [Duration; 4] = [
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
];

/// Moves the writer away from a member that is gone or not to be trusted.
pub trait EmergencyDriver: Send + Sync {
    /// How every member stands, asked now.
    fn standing(&self) -> BoxFuture<'_, Standing>;

    /// How the ports of a region's member answer.
    fn knock<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Knocks>;

    /// Takes the leader key from `from` and has the member of `to` elected. Only right when `from` is fenced;
    /// answers when that is asked for, not when it has happened.
    fn elect<'a>(&'a self, from: &'a str, to: &'a RegionId) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The exact requests that [`EmergencyDriver::elect`] makes, for the plan.
    fn request(&self, from: &str, to: &RegionId) -> String;
}

/// Patroni with its keys in etcd.
pub struct PatroniEmergency {
    seats: BTreeMap<RegionId, Seat>,
    stores: Stores,
    clock: Arc<dyn Clock>,
}

/// Where the keys are.
enum Stores {
    /// One cluster over all regions.
    One(Dcs),
    /// A cluster in each region; all but one follow.
    Each(BTreeMap<RegionId, Dcs>),
}

struct Seat {
    member: String,
    url: String,
    rest: PatroniClient,
    server: MemberDatabase,
    ports: [String; 2],
}

impl PatroniEmergency {
    /// The driver for a topology's cluster; `None` when the topology names no etcd of it.
    ///
    /// # Errors
    /// When an address in it cannot be used.
    pub fn new(database: &DatabaseCluster, clock: Arc<dyn Clock>) -> anyhow::Result<Option<Self>> {
        let Some(stores) = Stores::of(database)? else {
            return Ok(None);
        };
        let mut seats = BTreeMap::new();
        for member in &database.members {
            let url = member.patroni_url.trim_end_matches('/').to_owned();
            let (user, password) = (&database.patroni_user, &database.patroni_password);
            let seat = Seat {
                member: member.member.clone(),
                rest: PatroniClient::new(&url, user, password, PATIENCE)?,
                server: MemberDatabase::new(
                    &member.postgres,
                    &database.database,
                    &database.user,
                    &database.password,
                    PATIENCE,
                )?,
                ports: [member.postgres.clone(), address(&url)?],
                url,
            };
            seats.insert(member.region.clone(), seat);
        }
        Ok(Some(Self { seats, stores, clock }))
    }

    fn seen<T>(&self, what: Result<T, String>) -> Seen<T> {
        Seen {
            at: self.clock.now(),
            what,
        }
    }

    async fn member(&self, seat: &Seat) -> MemberStanding {
        let server = async { self.seen(sql::held(&seat.server).await.map_err(|e| e.to_string())) };
        let agent = async {
            let status = seat.rest.status().await;
            self.seen(status.map(agent).map_err(|e| e.to_string()))
        };
        let knock = async { self.seen(Ok(knock_at(&seat.ports).await)) };
        let (server, agent, knock) = tokio::join!(server, agent, knock);
        MemberStanding {
            name: seat.member.clone(),
            server,
            agent,
            knock,
        }
    }

    async fn gather(&self) -> Standing {
        let members = join_all(
            self.seats
                .iter()
                .map(|(region, seat)| async move { (region.clone(), self.member(seat).await) }),
        );
        let leader = async { self.seen(self.stores.leader().await) };
        let (members, leader) = tokio::join!(members, leader);
        Standing {
            members: members.into_iter().collect(),
            leader,
        }
    }

    async fn take(&self, from: &str, to: &RegionId) -> Result<(), DriverError> {
        let seat = self.seats.get(to);
        let seat = seat.ok_or_else(|| DriverError::Refused(format!("{to} has no database member")))?;
        let dcs = match &self.stores {
            Stores::One(dcs) => dcs,
            Stores::Each(_) => return seat.stand_alone().await,
        };
        let leader = dcs.leader().await.map_err(DriverError::Refused)?;
        match &leader {
            Some(leader) if leader.member == seat.member => return Ok(()),
            Some(leader) if leader.member != from => {
                let why = format!(
                    "{} holds the leader key, not {from}: Patroni has moved the writer by itself",
                    leader.member
                );
                return Err(DriverError::Refused(why));
            }
            _ => {}
        }
        name_candidate(dcs, seat).await?;
        match &leader {
            Some(leader) => {
                let revoked = dcs.revoke(leader).await;
                seat.wake();
                revoked
            }
            None => Ok(()),
        }
    }
}

impl EmergencyDriver for PatroniEmergency {
    fn standing(&self) -> BoxFuture<'_, Standing> {
        self.gather().boxed()
    }

    fn knock<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Knocks> {
        async move {
            if let Some(seat) = self.seats.get(region) {
                return knock_at(&seat.ports).await;
            }
            let nobody = || Knock::Silent(format!("{region} has no database member"));
            Knocks {
                server: nobody(),
                agent: nobody(),
            }
        }
        .boxed()
    }

    fn elect<'a>(&'a self, from: &'a str, to: &'a RegionId) -> BoxFuture<'a, Result<(), DriverError>> {
        self.take(from, to).boxed()
    }

    fn request(&self, from: &str, to: &RegionId) -> String {
        let (url, member) = self
            .seats
            .get(to)
            .map_or(("<no member>", "<no member>"), |s| (&s.url, &s.member));
        match &self.stores {
            Stores::One(dcs) => format!(
                "POST {url}/failover {{\"candidate\":\"{member}\"}}, then {}",
                dcs.request(from)
            ),
            Stores::Each(_) => format!("PATCH {url}/config {{\"standby_cluster\":null}}"),
        }
    }
}

impl Stores {
    fn of(database: &DatabaseCluster) -> anyhow::Result<Option<Self>> {
        let dcs = |etcd: &[String]| Dcs::new(etcd, &database.scope, PATIENCE);
        match database.layout {
            DatabaseLayout::Stretched if database.etcd.is_empty() => Ok(None),
            DatabaseLayout::Stretched => Ok(Some(Self::One(dcs(&database.etcd)?))),
            DatabaseLayout::StandbyClusters => {
                let mut stores = BTreeMap::new();
                for member in database.members.iter().filter(|m| !m.etcd.is_empty()) {
                    stores.insert(member.region.clone(), dcs(&member.etcd)?);
                }
                Ok((!stores.is_empty()).then_some(Self::Each(stores)))
            }
        }
    }

    async fn leader(&self) -> Result<Option<LeaderKey>, String> {
        match self {
            Self::One(dcs) => dcs.leader().await,
            Self::Each(stores) => {
                let asked = stores.values().map(|dcs| async move {
                    let (follows, leader) = tokio::join!(dcs.follows(), dcs.leader());
                    Ok((follows?, leader?))
                });
                primary_leader(join_all(asked).await)
            }
        }
    }
}

/// The leader of the one cluster that follows nobody. A store that does not answer is taken for the one of the
/// cluster that is gone; that all of them are silent says nothing.
fn primary_leader(
    clusters: Vec<Result<(bool, Option<LeaderKey>), String>>,
) -> Result<Option<LeaderKey>, String> {
    let (mut primaries, mut silent, mut answers) = (Vec::new(), Vec::new(), 0);
    for cluster in clusters {
        match cluster {
            Ok((follows, leader)) => {
                answers += 1;
                if !follows {
                    primaries.push(leader);
                }
            }
            Err(why) => silent.push(why),
        }
    }
    match primaries.len() {
        0 if answers == 0 => Err(silent.join("; ")),
        0 | 1 => Ok(primaries.pop().flatten()),
        n => Err(format!(
            "{n} clusters follow nobody: each would be the primary one"
        )),
    }
}

impl Seat {
    /// Wakes the candidate's Patroni a few times, by removing a key that is not there: an agent that is woken just
    /// when the leader key goes misses that, and would look again only after its `loop_wait`.
    fn wake(&self) {
        let rest = self.rest.clone();
        tokio::spawn(async move {
            for pause in WAKE {
                tokio::time::sleep(pause).await;
                let nothing = serde_json::json!({ "aisoc_wake_up": null });
                if let Err(e) = rest.patch_config(&nothing).await {
                    tracing::debug!(error = %e, "the candidate could not be woken");
                }
            }
        });
    }

    /// Has the standby cluster of this member follow nobody any more; its leader promotes its server then.
    async fn stand_alone(&self) -> Result<(), DriverError> {
        let patch = serde_json::json!({ "standby_cluster": null });
        match self.rest.patch_config(&patch).await {
            Ok(stored)
                if stored
                    .get("standby_cluster")
                    .is_none_or(serde_json::Value::is_null) =>
            {
                Ok(())
            }
            Ok(_) => Err(DriverError::Unknown(format!(
                "{} goes on as a standby cluster",
                self.url
            ))),
            Err(e @ PatroniError::Refused { .. }) => Err(DriverError::Refused(e.to_string())),
            Err(e) => Err(DriverError::Unknown(e.to_string())),
        }
    }
}

/// Has Patroni note who is to take over, so that no other member does once the key is free.
async fn name_candidate(dcs: &Dcs, seat: &Seat) -> Result<(), DriverError> {
    let (send, mut answered) = oneshot::channel();
    let (rest, member) = (seat.rest.clone(), seat.member.clone());
    // Patroni answers when the failover is over: nobody waits for that here.
    tokio::spawn(async move {
        let answer = rest.failover(&member).await;
        tracing::info!(?answer, candidate = member, "failover answered");
        let _ = send.send(answer);
    });
    let begun = Instant::now();
    while begun.elapsed() < NAMING {
        match answered.try_recv() {
            Ok(Err(e @ PatroniError::Refused { .. })) => return Err(DriverError::Refused(e.to_string())),
            Ok(_) => return Ok(()),
            Err(_) => {}
        }
        if dcs
            .candidate()
            .await
            .is_ok_and(|c| c.as_deref() == Some(&*seat.member))
        {
            return Ok(());
        }
        tokio::time::sleep(NAMING_POLL).await;
    }
    Err(DriverError::Refused(format!(
        "Patroni of {} has not noted it as the candidate within {} ms: its leader's lease was left alone",
        seat.member,
        NAMING.as_millis()
    )))
}

fn agent(status: MemberStatus) -> Agent {
    Agent {
        primary: status.is_primary(),
        nofailover: status.tags.nofailover,
        paused: status.pause,
        state: status.state,
    }
}

/// `host:port` of an address like `http://host:port`.
fn address(url: &str) -> anyhow::Result<String> {
    let parsed = reqwest::Url::parse(url)?;
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed.port_or_known_default().unwrap_or_default();
    Ok(format!("{host}:{port}"))
}

async fn knock_at([server, agent]: &[String; 2]) -> Knocks {
    let (server, agent) = tokio::join!(knock(server), knock(agent));
    Knocks { server, agent }
}

async fn knock(address: &str) -> Knock {
    match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Knock::Accepts,
        Ok(Err(e)) if e.kind() == ErrorKind::ConnectionRefused => Knock::Refuses,
        Ok(Err(e)) => Knock::Silent(e.to_string()),
        Err(_) => Knock::Silent(format!("no answer within {} ms", PATIENCE.as_millis())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_port_refuses_and_an_open_one_accepts() {
        let open = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let [open_at, closed_at] = [&open, &closed].map(|l| l.local_addr().unwrap().to_string());
        drop(closed);
        let knocks = knock_at(&[open_at, closed_at.clone()]).await;
        assert_eq!(
            (knocks.server.clone(), knocks.agent.clone()),
            (Knock::Accepts, Knock::Refuses)
        );
        assert!(!knocks.refuse());
        assert!(knock_at(&[closed_at.clone(), closed_at]).await.refuse());
    }

    #[test]
    fn the_primary_cluster_is_the_one_that_follows_nobody() {
        let key = |member: &str| LeaderKey {
            member: member.into(),
            lease: Some(1),
        };
        let (primary, standby) = (|| Ok((false, Some(key("us")))), || Ok((true, Some(key("eu")))));
        let gone = || Err("no answer".to_owned());
        assert_eq!(primary_leader(vec![primary(), standby()]), Ok(Some(key("us"))));
        assert_eq!(primary_leader(vec![gone(), standby()]), Ok(None));
        assert!(primary_leader(vec![gone(), gone()]).is_err());
        assert!(primary_leader(vec![primary(), primary()]).is_err());
    }

    #[test]
    fn an_address_is_read_out_of_a_url() {
        assert_eq!(address("http://127.0.0.1:8008").unwrap(), "127.0.0.1:8008");
        assert_eq!(address("http://db-1").unwrap(), "db-1:80");
    }
}
