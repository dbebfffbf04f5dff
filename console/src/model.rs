//! Everything that the screen depends on.

use crate::action::{Action, Arming, Deciding};
use crate::connection::Connection;
use crate::direct::Direct;
use crate::explain::Explaining;
use crate::facts;
use crate::history::History;
use crate::keys::Scope;
use crate::message::Identity;
use crate::notify::Notifier;
use crate::page::Page;
use crate::palette::Palette;
use crate::preferences::Preferences;
use crate::replay::{Position, Replaying};
use crate::runbook::Reading;
use crate::safety::{Armed, Situation};
use crate::table::Table;
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use aisoc_model::operation::Operation;
use aisoc_model::thresholds::Thresholds;
use aisoc_model::world::World;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use tui_input::Input;

/// The console's state.
#[derive(Debug, Clone)]
pub struct Model {
    /// The latest frame.
    pub world: Option<Box<World>>,
    /// The frame that the view is frozen at.
    pub frozen: Option<Box<World>>,
    /// Where frames come from.
    pub connection: Connection,
    /// The address that answered last, or the first that is tried.
    pub endpoint: String,
    /// Who we are there.
    pub identity: Option<Identity>,
    /// The control plane's time.
    pub now: Timestamp,
    /// The control plane's clock minus this machine's.
    pub clock_offset: SignedDuration,
    /// Columns and rows.
    pub size: (u16, u16),
    /// The page.
    pub page: Page,
    /// Pages before it.
    pub back: Vec<Page>,
    /// Pages after it, when one went back.
    pub forward: Vec<Page>,
    /// The selected row's key on each page.
    pub selected: BTreeMap<Page, String>,
    /// The filter on each page.
    pub filters: BTreeMap<Page, String>,
    /// What lies over the page.
    pub layer: Layer,
    /// A line about the latest action.
    pub notice: Option<Notice>,
    /// Frames that were not seen one by one.
    pub missed: Missed,
    /// Values for sparklines.
    pub history: History,
    /// Palette entries that were chosen, oldest first.
    pub chosen: Vec<String>,
    /// The latest ticket.
    pub tickets: u64,
    /// What a person has set.
    pub preferences: Preferences,
    /// Which alerts were told beyond the screen.
    pub notifier: Notifier,
    /// The one region that may be acted on; everything else is read-only.
    pub armed: Option<Armed>,
    /// What health endpoints say while no control plane answers.
    pub direct: Direct,
    /// What is shown was: where in a recording it is.
    pub replaying: Option<Replaying>,
}

/// What lies over the page and takes the keys.
#[derive(Debug, Clone)]
pub enum Layer {
    /// Nothing.
    None,
    /// The help, and its lines above the view.
    Help(u16),
    /// The palette.
    Palette(Box<Palette>),
    /// The filter's line.
    Filter(Input),
    /// An explanation.
    Explain(Explaining),
    /// A runbook.
    Runbook(Box<Reading>),
    /// The question whether a region is armed.
    Arming(Box<Arming>),
    /// An action on its way.
    Action(Box<Action>),
    /// The progress of an operation.
    Progress(Following),
    /// A decision about an operation.
    Deciding(Deciding),
}

/// An operation that is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Following {
    /// Its id.
    pub id: String,
    /// Lines above the view.
    pub scroll: u16,
}

impl Following {
    /// An operation, from its first line.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            scroll: 0,
        }
    }
}

/// A line about the latest action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub text: String,
    /// It went wrong.
    pub bad: bool,
}

/// Frames that were not seen one by one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missed {
    /// Folded together by the control plane because this console was slow.
    pub coalesced: u64,
    /// Gaps after which a whole frame was fetched.
    pub gaps: u64,
}

/// For how long a view has been frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrozenFor {
    /// Less than ten minutes.
    Minutes,
    /// Ten minutes or more.
    TenMinutes,
    /// An hour or more.
    Hours,
    /// A day or more.
    Days,
}

impl FrozenFor {
    /// In words, once it is long.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Minutes => "",
            Self::TenMinutes => ", more than 10 min ago",
            Self::Hours => ", MORE THAN AN HOUR AGO",
            Self::Days => ", MORE THAN A DAY AGO",
        }
    }
}

impl Model {
    /// A console that knows nothing yet.
    #[must_use]
    pub fn new(endpoint: &str, page: Page, size: (u16, u16), now: Timestamp) -> Self {
        Self {
            world: None,
            frozen: None,
            connection: Connection::Connecting {
                endpoint: endpoint.to_owned(),
            },
            endpoint: endpoint.to_owned(),
            identity: None,
            now,
            clock_offset: SignedDuration::ZERO,
            size,
            page,
            back: Vec::new(),
            forward: Vec::new(),
            selected: BTreeMap::new(),
            filters: BTreeMap::new(),
            layer: Layer::None,
            notice: None,
            missed: Missed::default(),
            history: History::default(),
            chosen: Vec::new(),
            tickets: 0,
            preferences: Preferences::default(),
            notifier: Notifier::default(),
            armed: None,
            direct: Direct::default(),
            replaying: None,
        }
    }

    /// One frame without a connection, as `snapshot` draws it.
    #[must_use]
    pub fn still(world: World, page: Page, size: (u16, u16)) -> Self {
        let mut model = Self::new("", page, size, world.head.at);
        model.connection = Connection::Still;
        model.history.sample(&world);
        model.world = Some(Box::new(world));
        model
    }

    /// A frame of a recording without anything that could be asked for, as `snapshot` draws it.
    #[must_use]
    pub fn past(world: World, position: Position, page: Page, size: (u16, u16), today: Timestamp) -> Self {
        let mut model = Self::still(world, page, size);
        model.connection = Connection::Replay;
        model.now = position.at;
        model.replaying = Some(Replaying {
            position,
            present: None,
            today,
        });
        model
    }

    /// The frame to draw: the frozen one, else the latest.
    #[must_use]
    pub fn shown(&self) -> Option<&World> {
        self.frozen.as_deref().or(self.world.as_deref())
    }

    /// The time at which the shown frame is judged: a frozen frame is judged by the time it froze.
    #[must_use]
    pub fn shown_at(&self) -> Timestamp {
        self.frozen.as_ref().map_or(self.now, |world| world.head.at)
    }

    /// For how long the view has been frozen, in few steps: what counts seconds does not stand still.
    #[must_use]
    pub fn frozen_for(&self) -> Option<FrozenFor> {
        let frozen = self.frozen.as_ref()?;
        Some(match millis_between(frozen.head.at, self.now) / 60_000 {
            0..10 => FrozenFor::Minutes,
            10..60 => FrozenFor::TenMinutes,
            60..1_440 => FrozenFor::Hours,
            _ => FrozenFor::Days,
        })
    }

    /// All that frames and heartbeats can still change on a frozen screen: while it stays equal, there is nothing to
    /// draw. `None`: anything may change.
    #[must_use]
    pub fn stillness(&self) -> Option<(FrozenFor, Missed)> {
        let still = matches!(self.layer, Layer::None)
            && self.armed.is_none()
            && self.replaying.is_none()
            && self.connection.trustworthy();
        self.frozen_for()
            .filter(|_| still)
            .map(|long| (long, self.missed))
    }

    /// The table of the page, filtered.
    #[must_use]
    pub fn table(&self) -> Table {
        let table = self.page.view().table(self);
        let filter = self.filters.get(&self.page).map(String::as_str);
        let reach = usize::from(self.size.1);
        table
            .filtered(self, filter)
            .around(self, self.selected_on(self.page), reach)
    }

    /// The selected row's key on a page.
    #[must_use]
    pub fn selected_on(&self, page: Page) -> Option<&str> {
        self.selected.get(&page).map(String::as_str)
    }

    /// The region that an action is about: of the selected row, else the one selected on the overview.
    #[must_use]
    pub fn focus(&self) -> Option<RegionId> {
        let world = self.shown()?;
        let table = self.table();
        let of_row = table
            .selected(self.selected_on(self.page))
            .and_then(|row| self.page.view().region(self, &row.key));
        of_row.or_else(|| {
            let key = self.selected_on(Page::OVERVIEW);
            let regions = facts::regions(world);
            let chosen = regions
                .iter()
                .find(|r| Some(r.id.as_str()) == key)
                .or(regions.first());
            chosen.map(|region| region.id.clone())
        })
    }

    /// An operation of the latest frame.
    #[must_use]
    pub fn operation(&self, id: &str) -> Option<&Operation> {
        self.world.as_ref().and_then(|world| world.operations.get(id))
    }

    /// Which bindings hold.
    #[must_use]
    pub fn scope(&self) -> Scope {
        if matches!(self.layer, Layer::Progress(_)) {
            Scope::Progress
        } else {
            Scope::Everywhere
        }
    }

    /// What the gate has to know.
    #[must_use]
    pub fn situation(&self) -> Situation<'_> {
        Situation {
            now: self.now,
            trustworthy: self.connection.trustworthy(),
            past: self.replaying.is_some(),
            operator: self.identity.as_ref().is_some_and(|identity| identity.operator),
            frozen: self.frozen.is_some(),
            armed: self.armed.as_ref(),
            world: self.world.as_deref(),
        }
    }

    /// What the values that are shown are held to, as far as their frame says.
    #[must_use]
    pub fn thresholds(&self) -> Option<&Thresholds> {
        self.shown()?.thresholds.as_deref()
    }

    /// Whether something on the screen counts seconds without a frame arriving.
    #[must_use]
    pub fn ticks(&self) -> bool {
        // While frames or heartbeats arrive, each of them brings the time.
        !self.connection.trustworthy()
    }

    /// Says something in the notice line.
    pub fn tell(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: false,
        });
    }

    /// Complains in the notice line.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: true,
        });
    }
}
