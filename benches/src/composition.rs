//! What a video of a recording costs: four people with cameras of 640 by 360, as the job makes it, in time of all processes
//! that take part. Beside it what decoding the four alone costs by the same ffmpeg: less is not to be had.
#![allow(unsafe_code)]

use std::{path::Path, process::Command, time::Duration};

use serde_json::json;

use crate::report;

const SECONDS: u32 = 40;
const PEOPLE: u32 = 4;

pub(crate) fn run(folder: &Path) {
    let folder = folder.join("composition");
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    if !record(&folder) {
        return println!(
            "{}",
            json!({"bench": "composition", "skipped": "ffmpeg with libvpx and libopus is missing"})
        );
    }
    let tracks: Vec<String> = (1..=PEOPLE).map(|person| format!("{person}.camera.0.mkv")).collect();
    let before = cpu_of_children();
    for track in &tracks {
        assert!(ffmpeg(&folder, &["-threads", "1", "-i", track, "-f", "null", "-"]), "{track} decodes");
    }
    let decoding = cpu_of_children() - before;
    let before = cpu_of_children();
    let length = Duration::from_secs(u64::from(SECONDS));
    let bytes = voxlink_recording::compose(&folder, length, None).expect("a video is made");
    let composing = cpu_of_children() - before;
    let a_second = |time: Duration| time.as_secs_f64() / f64::from(SECONDS);
    report(
        &format!("composition of {PEOPLE} x 640x360 at 30 Hz to 1280x720 at 25 Hz"),
        "CPU s per s of video",
        &json!({
            "cpu": a_second(composing),
            "times_real_time": 1.0 / a_second(composing),
            "floor_decoding": a_second(decoding),
            "kbit_s": bytes as f64 * 8.0 / 1_000.0 / f64::from(SECONDS),
            "target_times_real_time": 2,
        }),
    );
}

/// Moving pictures with the noise of a camera, a key frame every ten seconds, and some sound.
fn record(folder: &Path) -> bool {
    let length = SECONDS.to_string();
    let cameras = (1..=PEOPLE).all(|person| {
        let source = format!("testsrc2=s=640x360:r=30:d={length},rotate=a=t*0.{person},noise=alls=6:allf=t");
        let codec =
            ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-g", "300", "-b:v", "600k"];
        let to = format!("{person}.camera.0.mkv");
        ffmpeg(folder, &[&["-f", "lavfi", "-i", &source][..], &codec, &[&to]].concat())
    });
    let source = format!("sine=frequency=440:duration={length}");
    let mix = ["-ac", "2", "-c:a", "libopus", "-b:a", "64k", "mix.opus"];
    cameras && ffmpeg(folder, &[&["-f", "lavfi", "-i", &source][..], &mix].concat())
}

fn ffmpeg(folder: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]).args(arguments).current_dir(folder);
    command.status().is_ok_and(|status| status.success())
}

/// Of processes that have ended.
fn cpu_of_children() -> Duration {
    // SAFETY: all zeros are a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills the structure that the pointer leads to.
    let failed = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    assert_eq!(failed, 0, "every Unix counts this");
    let time = |value: libc::timeval| {
        Duration::from_secs(value.tv_sec.unsigned_abs()) + Duration::from_micros(value.tv_usec.unsigned_abs())
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}
