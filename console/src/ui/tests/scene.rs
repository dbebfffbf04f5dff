//! What the screen is drawn from in tests: every state of the world and of the connection, and every dialog. The lists
//! are made with the variants they hold, and what each variant draws is matched exhaustively: nothing new is forgotten.

use crate::action::{Action, Arming, Deciding, Look, Next, Stage};
use crate::connection::Connection;
use crate::direct::{self, Answer, Said};
use crate::explain::{Explaining, Subject};
use crate::fixture::{self, ago, id, now, operations};
use crate::message::Identity;
use crate::model::{Following, Layer, Model};
use crate::page::Page;
use crate::palette::Palette;
use crate::replay::{Position, Present};
use crate::runbook::{Reading, Stage as Read};
use crate::safety::{Armed, Decision};
use aisoc_model::operation::OperationState;
use aisoc_model::plan::Target;
use aisoc_model::region::PostgresRole;
use aisoc_model::topology::EnvironmentKind;
use aisoc_model::world::{Coordination, CoordinationMode, World};
use jiff::SignedDuration;
use tui_input::Input;

/// An enumeration with the list of its variants and their names.
macro_rules! listed {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$about])* $variant,)+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

listed! {
    /// How the world is, and the way to it.
    State {
        Healthy = "healthy",
        Incident = "incident",
        /// Connected to an environment of which nothing is known.
        Empty = "empty",
        /// Everything is old.
        Stale = "stale",
        /// No frame has come yet.
        Loading = "loading",
        /// There was a frame, and there is no connection now.
        Disconnected = "disconnected",
        /// The same, and the regions answer themselves.
        Direct = "direct",
        /// The token is not accepted.
        Refused = "token refused",
        /// A production, frozen.
        Frozen = "frozen production",
        /// A recording beside a live present.
        Replay = "replay",
        /// A file that plays, where nothing was recorded.
        ReplayFile = "replay of a file",
        Fifty = "fifty",
        /// Two database clusters, written in two regions.
        TwoClusters = "two clusters",
        /// A region is armed, and nobody may act.
        Armed = "armed without a quorum",
        /// Connected, and nothing comes.
        Silent = "silent",
        /// Two members accept writes.
        TwoWriters = "two writers",
    }
}

impl State {
    /// Whether it is said above every page in the same way: one page shows it.
    pub fn is_chrome(self) -> bool {
        match self {
            Self::Refused
            | Self::Frozen
            | Self::Replay
            | Self::ReplayFile
            | Self::Direct
            | Self::Armed
            | Self::Silent
            | Self::TwoWriters => true,
            Self::Healthy
            | Self::Incident
            | Self::Empty
            | Self::Stale
            | Self::Loading
            | Self::Disconnected
            | Self::Fifty
            | Self::TwoClusters => false,
        }
    }

    /// Whether a page is another one because of it.
    pub fn shows_on(self, page: Page) -> bool {
        let several = ["overview", "lag", "operations", "sla", "map"];
        match self {
            Self::TwoClusters => several.contains(&page.name().as_str()),
            state => !state.is_chrome() || page == Page::OVERVIEW,
        }
    }

    pub fn model(self, page: Page) -> Model {
        let size = (80, 24);
        match self {
            Self::Healthy => live(&fixture::healthy(), page, size),
            Self::Incident => live(&fixture::incident(), page, size),
            Self::Empty => live(&fixture::empty(), page, size),
            Self::Stale => live(&fixture::stale(), page, size),
            Self::Loading => Model::new("http://127.0.0.1:7700", page, size, now()),
            Self::Disconnected => lost(page, size),
            Self::Direct => direct(page, size),
            Self::Refused => {
                let mut refused = lost(page, size);
                refused.connection = Connection::Refused {
                    why: "the control plane refused the token: unknown token".to_owned(),
                };
                refused.world = None;
                refused
            }
            Self::Frozen => {
                let mut frozen = live(&fixture::healthy(), page, size);
                frozen.world.as_mut().unwrap().head.environment_kind = EnvironmentKind::Production;
                frozen.frozen.clone_from(&frozen.world);
                frozen.now = now() + SignedDuration::from_secs(4_000);
                frozen
            }
            Self::Replay => replay(page, size),
            Self::ReplayFile => {
                let mut file = replay(page, size);
                if let Some(replaying) = &mut file.replaying {
                    replaying.present = None;
                    replaying.today = now() + SignedDuration::from_hours(90);
                    replaying.position.unrecorded = Some((ago(1), now() + SignedDuration::from_secs(300)));
                    replaying.position.playing = true;
                    replaying.position.speed = 4;
                }
                file
            }
            Self::Fifty => live(&fixture::many::many(), page, size),
            Self::TwoClusters => live(&fixture::clusters::two_clusters(), page, size),
            Self::Armed => {
                let mut world = fixture::healthy();
                world.head.environment_kind = EnvironmentKind::Staging;
                world.head.coordination = Coordination {
                    mode: CoordinationMode::NoQuorum,
                    holder: Some("us-east-1".to_owned()),
                    epoch: Some(7),
                    standbys: Vec::new(),
                    why: Some("2 of 3 members of etcd do not answer".to_owned()),
                };
                let mut armed = live(&world, page, size);
                armed.armed = Some(Armed {
                    region: id("eu-west-1"),
                    environment: "local".to_owned(),
                    until: now() + SignedDuration::from_secs(541),
                });
                armed
            }
            Self::Silent => {
                let mut silent = live(&fixture::healthy(), page, size);
                silent.now = now() + SignedDuration::from_secs(9);
                silent.connection = Connection::Silent {
                    endpoint: silent.endpoint.clone(),
                    since: now() + SignedDuration::from_secs(1),
                };
                silent
            }
            Self::TwoWriters => {
                let mut world = fixture::healthy();
                for region in world.regions.values_mut().skip(1).take(1) {
                    for member in region.postgres.values_mut() {
                        if let Some(member) = &mut member.value {
                            member.role = PostgresRole::Writer;
                        }
                    }
                }
                live(&world, page, size)
            }
        }
    }
}

listed! {
    /// What can lie over a page.
    Dialog {
        Help = "help",
        Palette = "palette",
        PaletteEmpty = "palette without a match",
        Filter = "filter",
        FilterUnknown = "filter of an unknown field",
        ExplainAlert = "explain an alert",
        ExplainRegion = "explain a region",
        RunbookAsking = "runbook asked for",
        Runbook = "runbook",
        RunbookCommand = "runbook at a command",
        RunbookFailed = "runbook failed",
        Arming = "arm",
        PlanPlanning = "plan asked for",
        PlanReason = "plan, reason",
        PlanConfirm = "plan, name",
        PlanPreparing = "plan, preparing",
        PlanMoved = "plan, moved",
        PlanRefused = "plan refused",
        PlanOverride = "plan, override",
        PlanSent = "plan sent",
        PlanFailed = "plan failed",
        ProgressRunning = "progress",
        ProgressDone = "progress, done",
        ProgressGone = "progress of what is gone",
        Deciding = "progress, abort",
    }
}

impl Dialog {
    /// Puts it over what is shown.
    pub fn open(self, model: &mut Model) {
        let typed = |text: &str| Input::new(text.to_owned());
        let failover = || Target::Failover {
            cluster: fixture::main(),
            to: id("eu-west-1"),
        };
        let plan = |reason| Box::new(operations::plan(failover(), reason));
        let confirm = |typed: Input| Stage::Confirm(plan("us-east-1 loses disks"), typed);
        model.layer = match self {
            Self::Help => Layer::Help(0),
            Self::Palette => {
                let mut palette = Palette::open(model).typed("us");
                palette.chosen = 1;
                Layer::Palette(Box::new(palette))
            }
            Self::PaletteEmpty => Layer::Palette(Box::new(Palette::open(model).typed("zzzz"))),
            Self::Filter => Layer::Filter(typed("region=eu-*")),
            Self::FilterUnknown => Layer::Filter(typed("regino=eu-*")),
            Self::ExplainAlert => {
                let alert = "AiSOCHighErrorRate:us-east-1".to_owned();
                Layer::Explain(Explaining::new(Subject::Alert(alert)))
            }
            Self::ExplainRegion => Layer::Explain(Explaining::new(Subject::Region(id("ap-southeast-1")))),
            Self::RunbookAsking => reading(Read::Asking, 0),
            Self::Runbook => reading(written(), 0),
            Self::RunbookCommand => {
                let Layer::Runbook(mut read) = reading(written(), 0) else {
                    panic!("it is read")
                };
                read.chosen = crate::runbook::command(&read.lines(model.size.0), 0, true);
                Layer::Runbook(read)
            }
            Self::RunbookFailed => reading(Read::Failed("not connected: nothing was sent".to_owned()), 0),
            Self::Arming => Layer::Arming(Box::new(Arming {
                region: id("eu-west-1"),
                then: Some(Next::Plan(failover())),
            })),
            Self::PlanPlanning => acting(Stage::Planning, None),
            Self::PlanReason => acting(Stage::Reason(plan(""), Input::default()), None),
            Self::PlanConfirm => acting(confirm(typed("eu-we")), Some(operations::ready(&plan("")))),
            Self::PlanPreparing => acting(confirm(typed("")), Some(operations::preparing(&plan("")))),
            Self::PlanMoved => acting(confirm(typed("")), Some(operations::moved(&plan("")))),
            Self::PlanRefused => acting(Stage::Refused(Box::new(operations::refused(failover()))), None),
            Self::PlanOverride => acting(
                Stage::Override(
                    Box::new(operations::overridable(failover(), &[])),
                    typed("survivor_capacity measured yes"),
                ),
                None,
            ),
            Self::PlanSent => acting(Stage::Sent(plan("us-east-1 loses disks")), None),
            Self::PlanFailed => acting(
                Stage::Failed("the control plane has no writer to fail over from".to_owned()),
                None,
            ),
            Self::ProgressRunning => Layer::Progress(Following::new(operations::failover_running().id)),
            Self::ProgressDone => Layer::Progress(Following::new(operations::drain_done().id)),
            Self::ProgressGone => Layer::Progress(Following::new("0192-no-such-operation")),
            Self::Deciding => Layer::Deciding(Deciding {
                operation: operations::failover_running().id,
                decision: Decision::Abort,
                input: typed("eu"),
                remark: None,
            }),
        };
        model.armed = match model.layer {
            Layer::Action(_) => Some(Armed {
                region: id("eu-west-1"),
                environment: "local".to_owned(),
                until: now() + SignedDuration::from_secs(541),
            }),
            _ => None,
        };
        model.filters.clear();
        if let Layer::Filter(input) = &model.layer {
            model.filters.insert(model.page, input.value().to_owned());
        }
    }

    /// Which kind of dialog a layer is; several entries of the list may show one kind.
    pub fn kind(layer: &Layer, model: &Model) -> Option<Self> {
        Some(match layer {
            Layer::None => return None,
            Layer::Help(_) => Self::Help,
            Layer::Palette(_) => Self::Palette,
            Layer::Filter(_) => Self::Filter,
            Layer::Explain(explaining) => match explaining.subject {
                Subject::Alert(_) => Self::ExplainAlert,
                Subject::Region(_) => Self::ExplainRegion,
            },
            Layer::Runbook(reading) => match reading.stage {
                Read::Asking => Self::RunbookAsking,
                Read::Shown(_) => Self::Runbook,
                Read::Failed(_) => Self::RunbookFailed,
            },
            Layer::Arming(_) => Self::Arming,
            Layer::Action(action) => match action.stage {
                Stage::Planning => Self::PlanPlanning,
                Stage::Refused(_) => Self::PlanRefused,
                Stage::Override(..) => Self::PlanOverride,
                Stage::Reason(..) => Self::PlanReason,
                Stage::Confirm(..) => Self::PlanConfirm,
                Stage::Sent(_) => Self::PlanSent,
                Stage::Failed(_) => Self::PlanFailed,
            },
            Layer::Progress(following) => match model.operation(&following.id).map(|o| o.state) {
                None => Self::ProgressGone,
                Some(OperationState::Done | OperationState::Failed | OperationState::Aborted) => {
                    Self::ProgressDone
                }
                Some(OperationState::Running | OperationState::Held | OperationState::Aborting) => {
                    Self::ProgressRunning
                }
            },
            Layer::Deciding(_) => Self::Deciding,
        })
    }
}

fn written() -> Read {
    Read::Shown(Box::new(fixture::traces::runbook("RB-001")))
}

fn reading(stage: Read, chosen: usize) -> Layer {
    Layer::Runbook(Box::new(Reading {
        id: "RB-001".to_owned(),
        region: None,
        ticket: 1,
        stage,
        chosen,
    }))
}

fn acting(stage: Stage, standing: Option<aisoc_model::plan::Standing>) -> Layer {
    let look = Look {
        answer: standing.map(|standing| Ok(Box::new(standing))),
        ..Look::default()
    };
    Layer::Action(Box::new(Action {
        target: Target::Failover {
            cluster: fixture::main(),
            to: id("eu-west-1"),
        },
        ticket: 1,
        stage,
        remark: None,
        scroll: 0,
        asked_at: now(),
        renewing: false,
        look,
    }))
}

pub fn live(world: &World, page: Page, size: (u16, u16)) -> Model {
    let at = world.head.at;
    let mut model = Model::still(world.clone(), page, size);
    history(&mut model, world);
    model.connection = Connection::Live {
        endpoint: "http://127.0.0.1:7700".to_owned(),
    };
    model.endpoint = "http://127.0.0.1:7700".to_owned();
    model.identity = Some(Identity {
        name: "sre".to_owned(),
        operator: true,
    });
    model.now = at;
    model
}

/// A minute of history, so that trends have something to show.
fn history(model: &mut Model, world: &World) {
    let mut then = world.clone();
    for second in 1..60_u8 {
        let at = world.head.at + SignedDuration::from_secs(i64::from(second));
        then.head.at = at;
        let swing = 1.0 + f64::from(second % 7) / 10.0;
        for (key, reading) in &mut then.slis {
            if let Some(value) = world.slis.get(key).and_then(|r| r.value.value) {
                reading.value.set(value * swing, at);
            }
        }
        for (key, link) in &mut then.links {
            if let Some(value) = world.links.get(key).and_then(|l| l.lag_seconds.value) {
                link.lag_seconds.set(value * swing, at);
            }
        }
        model.history.sample(&then);
    }
}

pub fn lost(page: Page, size: (u16, u16)) -> Model {
    let mut model = live(&fixture::healthy(), page, size);
    model.now = now() + SignedDuration::from_secs(42);
    model.connection = Connection::Lost {
        since: now() + SignedDuration::from_secs(2),
        why: "no control plane at http://127.0.0.1:7700: connection refused".to_owned(),
        retry_at: Some(now() + SignedDuration::from_secs(45)),
    };
    model
}

/// An incident three minutes ago, looked at from a present in which it is over.
pub fn replay(page: Page, size: (u16, u16)) -> Model {
    let position = Position {
        at: now(),
        from: ago(3_600),
        to: now() + SignedDuration::from_secs(180),
        playing: false,
        speed: 1,
        unrecorded: None,
        remark: Some("alert AiSOCRegionDown ap-southeast-1 fires".to_owned()),
        ended: false,
    };
    let today = now() + SignedDuration::from_secs(180);
    let mut model = Model::past(fixture::incident(), position, page, size, today);
    let present = live(&fixture::healthy(), page, size);
    if let Some(replaying) = &mut model.replaying {
        replaying.present = Some(Box::new(Present {
            world: present.world,
            connection: present.connection,
            history: present.history,
            clock_offset: SignedDuration::ZERO,
        }));
    }
    model.identity = present.identity;
    model
}

/// Without connection, and the regions answer themselves.
pub fn direct(page: Page, size: (u16, u16)) -> Model {
    let mut model = lost(page, size);
    let answers = direct::endpoints(&model)
        .into_iter()
        .enumerate()
        .map(|(index, endpoint)| Answer {
            endpoint,
            result: match index {
                3 => Ok(Said {
                    status: 503,
                    took_ms: 12,
                    reason: Some("database unreachable".to_owned()),
                }),
                4 => Err("connection refused".to_owned()),
                _ => Ok(Said {
                    status: 200,
                    took_ms: 4,
                    reason: None,
                }),
            },
        });
    model.direct.seen = Some((now() + SignedDuration::from_secs(41), answers.collect()));
    model
}
