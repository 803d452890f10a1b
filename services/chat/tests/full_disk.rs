//! A full disk refuses writes with a clear error, loses nothing that was acknowledged, and recovers by itself.
//!
//! Needs a small file system of its own, so only root runs it; for others it says so and passes.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{path::Path, process::Command};

use common::{Folder, draft, open, user};
use voxlink_chat::{Refusal, store::messages::Position};
use voxlink_protocol::UserId;
use voxlink_service_kit::{ApiError, DbError};

/// A file system in memory over a folder, gone at the end.
struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    fn mount(folder: &'a Path) -> Option<Self> {
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        let _done = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_recovers_when_there_is_room() {
    let folder = Folder::new();
    let Some(_disk) = Tmpfs::mount(&folder.0) else {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    };
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(1).await;
    let ballast = folder.0.join("ballast");
    std::fs::write(&ballast, vec![0; 1024 * 1024]).unwrap();
    let long = "x".repeat(2000);
    let mut stored = Vec::new();
    let refusal = loop {
        assert!(stored.len() < 2000, "the disk never filled");
        match stage.chat.send(&user(1), text, draft(&long, Some(&format!("n{}", stored.len())))).await {
            Ok(message) => stored.push(message.id),
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal, Refusal::Db(DbError::Full));
    assert_eq!(ApiError::from(refusal).status().as_u16(), 507);
    let page = stage.chat.messages(UserId::new(1), text, Position::Latest, 1).await.unwrap();
    assert_eq!(page.first().map(|message| message.id), stored.last().copied(), "reading goes on");
    std::fs::remove_file(&ballast).unwrap();
    let nonce = format!("n{}", stored.len());
    stored.push(stage.chat.send(&user(1), text, draft(&long, Some(&nonce))).await.expect("room again").id);
    let versions = stage.versions(guild);
    assert_eq!(versions, (1..=1 + stored.len() as u64).collect::<Vec<_>>());
    drop(stage);
    let stage = open(&folder).await;
    for id in &stored {
        stage.chat.message(UserId::new(1), text, *id).await.expect("what was acknowledged is there");
    }
}
