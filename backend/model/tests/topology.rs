//! Which topologies with database clusters are taken, and what is said of the others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string
)]

use aisoc_model::ClusterName;
use aisoc_model::topology::Topology;
use rstest::rstest;

const HEAD: &str = r#"
    load_balancer = { kind = "haproxy", haproxy_socket = "/s", backend = "api", full_weight = 100, url = "http://h:1" }
    [environment]
    name = "t"
    kind = "local"
    speed_up = 1.0
    [control_plane]
    name = "t"
    listen = "h:1"
    otlp_listen = "h:2"
    data_dir = "/d"
    tokens_file = "/t"
    observe_interval_ms = 1000
"#;

fn region(id: &str) -> String {
    format!(
        "[[regions]]\nid = \"{id}\"\nrole = \"secondary\"\nlocation = \"l\"\napi = []\nredis = \"h:3\"\n\
         bus_url = \"http://h:4\"\nrelease = \"r-{id}\"\n"
    )
}

fn cluster(name: &str, scope: &str, members: &[&str]) -> String {
    let mut text = format!(
        "[[databases]]\nname = \"{name}\"\nscope = \"{scope}\"\ndatabase = \"d\"\nuser = \"u\"\npassword = \"p\"\n\
         patroni_user = \"u\"\npatroni_password = \"p\"\n"
    );
    if members.is_empty() {
        text.push_str("members = []\n");
    }
    for member in members {
        text.push_str(&format!(
            "[[databases.members]]\nregion = \"{member}\"\npatroni_url = \"http://h:5\"\nmember = \"{member}\"\n\
             postgres = \"h:6\"\n"
        ));
    }
    text
}

fn parse(clusters: &[String]) -> Result<Topology, String> {
    let regions = [region("us"), region("eu"), region("ap")].concat();
    Topology::parse(&format!("{HEAD}{regions}{}", clusters.concat())).map_err(|e| e.to_string())
}

#[test]
fn several_clusters_each_with_a_member_in_some_regions() {
    let topology = parse(&[
        cluster("main", "aisoc", &["us", "eu", "ap"]),
        cluster("eu", "aisoc-eu", &["eu", "us"]),
    ])
    .unwrap();
    assert!(topology.several_clusters());
    let eu: ClusterName = "eu".parse().unwrap();
    let eu = topology.cluster(&eu).unwrap();
    assert_eq!(eu.member(&"us".parse().unwrap()).unwrap().member, "us");
    assert!(eu.member(&"ap".parse().unwrap()).is_none());
    let text = toml::to_string(&topology).unwrap();
    assert_eq!(Topology::parse(&text).unwrap(), topology);
}

#[rstest]
#[case::none(vec!["databases = []\n".into()], "missing field `databases`")]
#[case::same_name(vec![cluster("main", "a", &["us"]), cluster("main", "b", &["us"])], "cluster main is named twice")]
#[case::same_scope(vec![cluster("main", "a", &["us"]), cluster("eu", "a", &["eu"])], "eu has the scope a of another one")]
#[case::no_member(vec![cluster("main", "a", &[])], "main has no [[databases.members]]")]
#[case::unknown_region(vec![cluster("main", "a", &["us", "mars"])], "a member in mars, which is not in [[regions]]")]
#[case::two_in_a_region(vec![cluster("main", "a", &["us", "us"])], "main has two members in us")]
#[case::no_label(vec![cluster("The EU", "a", &["us"])], "'The EU' is not a cluster name")]
fn a_topology_that_cannot_be_is_refused(#[case] clusters: Vec<String>, #[case] why: &str) {
    let said = match clusters.as_slice() {
        [none] if none.starts_with("databases") => parse(&[]).unwrap_err(),
        clusters => parse(clusters).unwrap_err(),
    };
    assert!(said.contains(why), "{said}");
}

fn files(region: &str, path: &str) -> String {
    format!(
        "[databases.dsn_secret]\nrestart = false\n[databases.dsn_secret.keeper]\nkind = \"file\"\n\
         paths = {{ {region} = \"{path}\" }}\n"
    )
}

fn secret(namespace: &str, key: &str) -> String {
    format!(
        "[databases.dsn_secret]\nrestart = false\n[databases.dsn_secret.keeper]\nkind = \"kubernetes\"\n\
         namespace = \"{namespace}\"\nname = \"database\"\nkey = \"{key}\"\n\
         [databases.dsn_secret.keeper.clusters.us]\ntoken_file = \"/t\"\napi = {{ endpoint = \"http://h:7\" }}\n"
    )
}

#[rstest]
#[case::one_has_none(files("us", "/main"), String::new(), None)]
#[case::files(files("us", "/main"), files("us", "/eu"), None)]
#[case::one_file(
    files("us", "/dsn"),
    files("us", "/dsn"),
    Some("of the database cluster eu: /dsn holds a string of main")
)]
#[case::nowhere(files("mars", "/dsn"), String::new(), Some("mars is not in [[regions]]"))]
#[case::two_keys(secret("a", "main"), secret("a", "eu"), None)]
#[case::two_namespaces(secret("a", "url"), secret("b", "url"), None)]
#[case::one_key(
    secret("a", "url"),
    secret("a", "url"),
    Some("key url of the secret a/database in us holds a string of main")
)]
#[case::long_key(secret("a", &"k".repeat(58)), String::new(), Some("cannot be part of the annotation"))]
#[case::bad_key(secret("a", "url-"), String::new(), Some("cannot be part of the annotation"))]
fn the_strings_of_each_cluster_have_a_place_of_their_own(
    #[case] main: String,
    #[case] eu: String,
    #[case] why: Option<&str>,
) {
    let parsed = parse(&[
        cluster("main", "a", &["us"]),
        main,
        cluster("eu", "b", &["us"]),
        eu,
    ]);
    match (parsed, why) {
        (Ok(topology), None) => {
            let text = toml::to_string(&topology).unwrap();
            assert_eq!(Topology::parse(&text).unwrap(), topology);
        }
        (Err(said), Some(why)) => assert!(said.contains(why), "{said}"),
        (parsed, why) => panic!("{why:?}: {parsed:?}"),
    }
}
