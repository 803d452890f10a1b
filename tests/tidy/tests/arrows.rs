//! The repository's listing is the dependency rule: every arrow points down.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// Where a crate stands, from its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Protocol,
    Engine,
    ServiceKit,
    Service,
    Server,
    Outside,
}

fn layer(package: &Package) -> Layer {
    let folder = package.manifest_path.strip_prefix(voxlink_tidy::root().to_str().unwrap()).unwrap().as_str();
    match folder.split('/').collect::<Vec<_>>()[..] {
        ["shared", "protocol", ..] => Layer::Protocol,
        ["shared", ..] => Layer::ServiceKit,
        ["engines", ..] => Layer::Engine,
        ["services", ..] => Layer::Service,
        ["server", ..] => Layer::Server,
        ["tests" | "benches" | "fuzz", ..] => Layer::Outside,
        _ => panic!("{folder} is in no layer: say in tests/tidy where it stands"),
    }
}

/// What a layer may lean on.
fn may_use(from: Layer) -> &'static [Layer] {
    match from {
        // serde and nothing else of ours.
        Layer::Protocol => &[],
        // An engine knows no wire format of the services, so that it can be used and tested alone.
        Layer::Engine => &[],
        Layer::ServiceKit => &[Layer::Protocol],
        // Never another service: they talk over the bus.
        Layer::Service => &[Layer::Protocol, Layer::ServiceKit, Layer::Engine],
        Layer::Server => &[Layer::Protocol, Layer::ServiceKit, Layer::Service],
        Layer::Outside => &[
            Layer::Protocol,
            Layer::ServiceKit,
            Layer::Engine,
            Layer::Service,
            Layer::Server,
            Layer::Outside,
        ],
    }
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .current_dir(voxlink_tidy::root())
        .other_options(vec!["--filter-platform=x86_64-unknown-linux-gnu".to_owned()])
        .exec()
        .unwrap()
}

#[test]
fn every_arrow_points_down() {
    let metadata = metadata();
    let ours: BTreeMap<_, _> =
        metadata.workspace_packages().into_iter().map(|p| (p.name.to_string(), layer(p))).collect();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            let (Some(from), Some(to)) = (ours.get(package.name.as_str()), ours.get(&dependency.name)) else {
                continue;
            };
            // A crate's own tests may turn on its features.
            let allowed = dependency.name == *package.name
                || may_use(*from).contains(to)
                || (dependency.kind == DependencyKind::Development && *to == Layer::Outside);
            assert!(
                allowed,
                "{} ({from:?}) may not lean on {} ({to:?}): see ARCHITECTURE.md",
                package.name, dependency.name
            );
        }
    }
}

/// Names of everything a package pulls in for normal use.
fn reach(metadata: &Metadata, start: &PackageId) -> BTreeSet<String> {
    let nodes: BTreeMap<_, _> = metadata.resolve.as_ref().unwrap().nodes.iter().map(|n| (&n.id, n)).collect();
    let (mut seen, mut queue) = (BTreeSet::new(), vec![start]);
    while let Some(id) = queue.pop() {
        if seen.insert(id) {
            let normal =
                |d: &&cargo_metadata::NodeDep| d.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal);
            queue.extend(nodes[id].deps.iter().filter(normal).map(|d| &d.pkg));
        }
    }
    metadata.packages.iter().filter(|p| seen.contains(&p.id)).map(|p| p.name.to_string()).collect()
}

#[test]
fn engines_have_no_runtime_and_no_sockets() {
    let metadata = metadata();
    for package in metadata.workspace_packages().into_iter().filter(|p| layer(p) == Layer::Engine) {
        let reached = reach(&metadata, &package.id);
        for forbidden in ["tokio", "mio", "async-std", "smol", "socket2", "hyper", "rusqlite"] {
            assert!(
                !reached.contains(forbidden),
                "{} reaches {forbidden}: engines are sans-IO",
                package.name
            );
        }
    }
}

#[test]
fn the_protocol_is_serde_and_nothing_else() {
    let metadata = metadata();
    let protocol = metadata.workspace_packages().into_iter().find(|p| layer(p) == Layer::Protocol).unwrap();
    let normal = protocol.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
    let names: BTreeSet<_> = normal.map(|d| d.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["bitflags", "serde", "serde_json"]));
}
