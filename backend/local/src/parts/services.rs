//! The processes of our own program: the SOC services and the control plane of a region, the traffic generator.

use super::spec::{Account, Probe, Spec, Stage};
use crate::releases::settings::{Service, Settings};
use crate::world::World;
use crate::world::clusters::MAIN;
use crate::world::ports::Ports;
use crate::world::regions::{ApiPlan, REGIONS, RegionPlan};
use std::collections::BTreeMap;
use std::time::Duration;

/// A service finishes what is in flight within 10 s; then its telemetry has 2 s.
const GRACE: Duration = Duration::from_secs(13);
/// Share of the traces that the services of a local world export.
const TRACE_RATIO: &str = "0.25";

/// All services of a region, at a revision of its release.
#[must_use]
pub fn region(
    world: &World,
    ports: &Ports,
    plan: &RegionPlan,
    revision: u32,
    settings: &Settings,
) -> Vec<Spec> {
    let mut specs = Vec::new();
    for service in [
        Service::Ingest,
        Service::Enrichment,
        Service::AlertFusion,
        Service::Agents,
    ] {
        specs.push(pipeline(world, ports, plan, service, revision, settings));
    }
    for instance in &plan.api {
        let listen = [
            ports.of(plan, instance.instance),
            ports.of(plan, &format!("{}-agent", instance.instance)),
        ];
        specs.push(api(world, ports, plan, instance, listen, revision, settings));
    }
    specs
}

/// An api instance on the given ports (HTTP, agent check).
#[must_use]
pub fn api(
    world: &World,
    ports: &Ports,
    plan: &RegionPlan,
    instance: &ApiPlan,
    [http, agent]: [u16; 2],
    revision: u32,
    settings: &Settings,
) -> Spec {
    let mut spec = base(world, ports, plan, Service::Api, revision, settings);
    spec.name = super::name(plan, instance.instance);
    spec.zone = Some(instance.zone.to_owned());
    spec.log = world.state.log(&spec.name);
    spec.ports = BTreeMap::from([("http".to_owned(), http), ("agent".to_owned(), agent)]);
    spec.probe = ready(http);
    set(&mut spec, "AISOC_INSTANCE", instance.instance);
    set(&mut spec, "AISOC_ZONE", instance.zone);
    set(&mut spec, "AISOC_LISTEN", format!("127.0.0.1:{http}"));
    set(&mut spec, "AISOC_AGENT_LISTEN", format!("127.0.0.1:{agent}"));
    set(
        &mut spec,
        "AISOC_PEERS_FILE",
        world.state.peers_toml().to_string_lossy(),
    );
    spec
}

/// A service of the pipeline.
#[must_use]
pub fn pipeline(
    world: &World,
    ports: &Ports,
    plan: &RegionPlan,
    service: Service,
    revision: u32,
    settings: &Settings,
) -> Spec {
    let mut spec = base(world, ports, plan, service, revision, settings);
    let http = ports.of(plan, service.word());
    spec.ports = BTreeMap::from([("http".to_owned(), http)]);
    spec.probe = ready(http);
    set(&mut spec, "AISOC_LISTEN", format!("127.0.0.1:{http}"));
    set(&mut spec, "AISOC_INSTANCE", service.word());
    if service == Service::Ingest {
        let bus = ports.of(plan, "bus");
        spec.ports.insert("grpc".to_owned(), bus);
        set(&mut spec, "AISOC_BUS_LISTEN", format!("127.0.0.1:{bus}"));
        set(&mut spec, "AISOC_BUS_PEERS", world.bus_peers());
    }
    spec
}

fn base(
    world: &World,
    ports: &Ports,
    plan: &RegionPlan,
    service: Service,
    revision: u32,
    settings: &Settings,
) -> Spec {
    let name = super::name(plan, service.word());
    let data = world.region_dir(plan);
    let zone = plan.api.first().map_or(plan.name, |a| a.zone);
    let version = format!("rev {revision}");
    let mut spec = Spec {
        log: world.state.log(&name),
        name,
        kind: service.word().to_owned(),
        region: plan.id(),
        zone: Some(zone.to_owned()),
        stage: Stage::Service,
        program: settings.binary(service).unwrap_or_else(|| world.exe.clone()),
        args: vec![
            "serve".to_owned(),
            "--target".to_owned(),
            service.word().to_owned(),
        ],
        env: BTreeMap::new(),
        account: Account::Own,
        ports: BTreeMap::new(),
        data_dir: Some(data.clone()),
        probe: Probe::Runs,
        grace: GRACE,
        version: version.clone(),
    };
    set(&mut spec, "AISOC_REGION", plan.name);
    set(&mut spec, "AISOC_ZONE", zone);
    set(&mut spec, "AISOC_VERSION", settings.version().unwrap_or(version));
    set(&mut spec, "AISOC_DATA_DIR", data.to_string_lossy());
    match world.dsn_file(&MAIN, plan.name) {
        _ if world.clusters().nth(1).is_some() => {
            set(&mut spec, "AISOC_DATABASES", world.databases(plan.name));
        }
        Some(file) => set(&mut spec, "AISOC_DATABASE_URL_FILE", file.to_string_lossy()),
        None => set(
            &mut spec,
            "AISOC_DATABASE_URL",
            world.database_url(&MAIN, plan.name),
        ),
    }
    set(
        &mut spec,
        "AISOC_REDIS_URL",
        format!("redis://127.0.0.1:{}", ports.of(plan, "redis")),
    );
    set(
        &mut spec,
        "AISOC_BUS_URL",
        format!("http://127.0.0.1:{}", ports.of(plan, "bus")),
    );
    // Twenty processes share this machine's cores: one thread each saves most of the switching.
    set(&mut spec, "AISOC_WORKER_THREADS", "1");
    telemetry(world, ports, plan, &mut spec);
    set(
        &mut spec,
        "AISOC_INTERNAL_TOKEN_FILE",
        world.state.token("internal.token").to_string_lossy(),
    );
    if let Some(ms) = settings.latency(service) {
        set(&mut spec, "AISOC_INJECT_LATENCY_MS", ms);
    }
    if let Some(rate) = settings.error_rate(service) {
        set(&mut spec, "AISOC_INJECT_ERROR_RATE", rate);
    }
    spec.env.extend(settings.environment(service));
    spec
}

/// A region's control plane.
#[must_use]
pub fn control_plane(world: &World, ports: &Ports, plan: &RegionPlan) -> Spec {
    let http = ports.of(plan, "control-plane-http");
    let name = super::name(plan, "control-plane");
    let zone = plan.api.first().map(|a| a.zone.to_owned());
    let mut spec = Spec {
        log: world.state.log(&name),
        name,
        kind: "control-plane".to_owned(),
        region: plan.id(),
        zone,
        stage: Stage::Service,
        program: world.exe.clone(),
        args: ["serve", "--target", "control-plane"].map(str::to_owned).to_vec(),
        env: BTreeMap::new(),
        account: Account::Own,
        ports: BTreeMap::from([
            ("grpc".to_owned(), ports.of(plan, "control-plane")),
            ("otlp".to_owned(), ports.of(plan, "otlp")),
            ("http".to_owned(), http),
        ]),
        data_dir: Some(world.control_plane_dir(plan)),
        probe: ready(http),
        grace: GRACE,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    set(
        &mut spec,
        "AISOC_TOPOLOGY",
        world.state.topology_toml(plan.name).to_string_lossy(),
    );
    set(&mut spec, "AISOC_LISTEN", format!("127.0.0.1:{http}"));
    set(&mut spec, "AISOC_REGION", plan.name);
    set(&mut spec, "AISOC_WORKER_THREADS", "2");
    set(&mut spec, "AISOC_INSTANCE", "control-plane");
    set(&mut spec, "AISOC_VERSION", env!("CARGO_PKG_VERSION"));
    set(
        &mut spec,
        "AISOC_INTERNAL_TOKEN_FILE",
        world.state.token("internal.token").to_string_lossy(),
    );
    spec
}

/// The traffic generator.
#[must_use]
pub fn generator(world: &World, ports: &Ports) -> Spec {
    let control = ports.global("generator");
    let ingest: Vec<String> = REGIONS
        .iter()
        .map(|r| format!("{}=http://127.0.0.1:{}", r.name, ports.of(r, "ingest")))
        .collect();
    let balancer = format!("http://127.0.0.1:{}", ports.global("load_balancer"));
    Spec {
        name: "generator".to_owned(),
        kind: "generator".to_owned(),
        region: None,
        zone: None,
        stage: Stage::Traffic,
        program: world.exe.clone(),
        args: vec![
            "local".to_owned(),
            "--state-dir".to_owned(),
            world.state.root().to_string_lossy().into_owned(),
            "generate".to_owned(),
        ],
        env: BTreeMap::from([
            ("AISOC_LISTEN".to_owned(), format!("127.0.0.1:{control}")),
            ("AISOC_LOAD_BALANCER".to_owned(), balancer),
            ("AISOC_INGEST".to_owned(), ingest.join(",")),
        ]),
        account: Account::Own,
        ports: BTreeMap::from([("http".to_owned(), control)]),
        data_dir: None,
        log: world.state.log("generator"),
        probe: ready(control),
        grace: Duration::from_secs(3),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Telemetry goes to the own region's control plane, which passes it on when it stands by.
fn telemetry(world: &World, ports: &Ports, plan: &RegionPlan, spec: &mut Spec) {
    if world.config.parts.control_plane {
        set(
            spec,
            "AISOC_OTLP_ENDPOINT",
            format!("http://127.0.0.1:{}", ports.of(plan, "otlp")),
        );
    }
    set(
        spec,
        "AISOC_OTLP_INTERVAL_MS",
        world.config.intervals.otlp_export_ms.to_string(),
    );
    // Few requests come here: of one in twenty a service map would learn little.
    if std::env::var_os("AISOC_TRACE_RATIO").is_none() {
        set(spec, "AISOC_TRACE_RATIO", TRACE_RATIO);
    }
}

fn ready(port: u16) -> Probe {
    Probe::Http(format!("http://127.0.0.1:{port}/readyz"))
}

fn set(spec: &mut Spec, name: &str, value: impl Into<String>) {
    spec.env.insert(name.to_owned(), value.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_setting_changes_only_its_service() {
        let (_dir, world) = super::super::tests::world();
        let before = region(&world, &world.ports, &REGIONS[0], 1, &Settings::default());
        let slow =
            Settings::parse(&BTreeMap::from([("api.inject_latency_ms".into(), "800".into())])).unwrap();
        let after = region(&world, &world.ports, &REGIONS[0], 2, &slow);
        let changed: Vec<&str> = before
            .iter()
            .zip(&after)
            .filter(|(a, b)| !a.same_template(b))
            .map(|(a, _)| a.name.as_str())
            .collect();
        assert_eq!(changed, ["us-east-1/api-a", "us-east-1/api-b"]);
        assert_eq!(after[4].env["AISOC_INJECT_LATENCY_MS"], "800");
        assert_eq!(after[4].version, "rev 2");
    }
}
