//! Each region's Redis: `INFO replication`.

use super::board::Seen;
use super::{Look, settle};
use aisoc_model::RegionId;
use aisoc_model::region::RedisMember;
use jiff::Timestamp;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use std::time::Duration;

/// Looks at one Redis over a connection that is kept.
pub(super) struct Redis {
    region: RegionId,
    address: String,
    timeout: Duration,
    connection: Option<MultiplexedConnection>,
}

impl Redis {
    pub(super) fn new(region: &RegionId, address: &str, timeout: Duration) -> Self {
        Self {
            region: region.clone(),
            address: address.to_owned(),
            timeout,
            connection: None,
        }
    }

    async fn info(&mut self) -> Result<String, redis::RedisError> {
        let mut connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(self.timeout))
                .set_response_timeout(Some(self.timeout));
            Client::open(format!("redis://{}", self.address))?
                .get_multiplexed_async_connection_with_config(&config)
                .await?
        };
        let text: String = redis::cmd("INFO")
            .arg("replication")
            .query_async(&mut connection)
            .await?;
        // Kept only after a good answer: a connection that failed is not trusted again.
        self.connection = Some(connection);
        Ok(text)
    }
}

impl Look for Redis {
    type Seen = RedisMember;

    fn source(&self) -> String {
        format!("redis:{}", self.region)
    }

    async fn look(&mut self, _now: Timestamp) -> Result<RedisMember, String> {
        let text = self
            .info()
            .await
            .map_err(|e| format!("redis {}: {}", self.address, crate::clients::root_cause(&e)))?;
        parse(&text).ok_or_else(|| format!("redis {}: no role or offset in INFO replication", self.address))
    }

    fn file(&mut self, seen: &mut Seen, result: Result<RedisMember, String>, at: Timestamp) -> bool {
        let Some(region) = seen.regions.get_mut(&self.region) else {
            return false;
        };
        if let Ok(member) = &result
            && member.role == "master"
        {
            region.offsets.record(at, member.offset);
        }
        let mark = |m: &RedisMember| (m.role.clone(), m.link.clone());
        let before = (
            region.redis.value.as_ref().map(mark),
            region.redis.absence.is_some(),
        );
        settle(&mut region.redis, result, at);
        before
            != (
                region.redis.value.as_ref().map(mark),
                region.redis.absence.is_some(),
            )
    }
}

fn parse(info: &str) -> Option<RedisMember> {
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    };
    let role = field("role")?;
    // A replica's `master_repl_offset` is its own copy's; what it has processed is `slave_repl_offset`.
    let offset = match role {
        "slave" => field("slave_repl_offset")?,
        _ => field("master_repl_offset")?,
    };
    Some(RedisMember {
        role: aisoc_model::text::sanitize(role, 20),
        offset: offset.parse().ok()?,
        link: field("master_link_status").map(|l| aisoc_model::text::sanitize(l, 20)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_roles_are_read() {
        let leader = "# Replication\r\nrole:master\r\nconnected_slaves:1\r\n\
                      slave0:ip=127.0.0.1,port=1,state=online,offset=42,lag=0\r\nmaster_repl_offset:42\r\n";
        assert_eq!(
            parse(leader),
            Some(RedisMember {
                role: "master".into(),
                offset: 42,
                link: None
            })
        );
        let replica =
            "role:slave\r\nmaster_link_status:down\r\nslave_repl_offset:40\r\nmaster_repl_offset:7\r\n";
        assert_eq!(
            parse(replica),
            Some(RedisMember {
                role: "slave".into(),
                offset: 40,
                link: Some("down".into())
            })
        );
        assert_eq!(parse("nonsense"), None);
    }
}
