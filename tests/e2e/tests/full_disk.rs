//! A full disk refuses writes with a clear error, keeps reading, and recovers by itself.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use voxlink_test_client::{Options, Person, TestServer};

/// A small file system that goes away with the test.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// `None` without the right to mount.
    fn mount(size: &str) -> Option<Self> {
        let path = std::env::temp_dir().join(format!("voxlink-full-{}", std::process::id()));
        fs::create_dir_all(&path).ok()?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&path)
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _still_used = Command::new("umount").arg("-l").arg(&self.0).output();
        let _left = fs::remove_dir(&self.0);
    }
}

fn fill(path: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    while file.write_all(&[7; 4096]).is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_recovers() {
    let Some(disk) = Tmpfs::mount("24m") else {
        eprintln!("skipped: mounting a small disk needs root");
        return;
    };
    let options = Options { data_dir: Some(disk.0.join("data")), ..Options::default() };
    let server = TestServer::start_with(&TestServer::binary(), options);
    let anna = Person::register(server.address, "anna").await;
    let (_, channel, _) = anna.create_guild("Full disk").await;
    assert_eq!(anna.say(&channel, "there is room", "n0").await.unwrap().status, 200);

    let ballast = disk.0.join("ballast");
    fill(&ballast);
    let long = "x".repeat(1900);
    let mut refused = None;
    for number in 0..2000 {
        let reply = anna.say(&channel, &long, &format!("full-{number}")).await.unwrap();
        if reply.status != 200 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a full disk refuses at last");
    assert_eq!((refused.status, refused.body["code"].as_u64()), (507, Some(150_001)), "{:?}", refused.body);
    assert!(refused.text("message").contains("disk is full"), "{:?}", refused.body);
    let page = anna.get(&format!("/api/v10/channels/{channel}/messages?limit=1")).await.unwrap();
    assert_eq!(page.status, 200, "reading goes on");
    let stored = anna.whole_history(&channel).await.len();

    fs::remove_file(&ballast).unwrap();
    let mut accepted = false;
    for _ in 0..50 {
        accepted = anna.say(&channel, "there is room again", "after").await.unwrap().status == 200;
        if accepted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(accepted, "writes work again once there is room");
    assert_eq!(anna.whole_history(&channel).await.len(), stored + 1, "what was refused was not stored");
}
