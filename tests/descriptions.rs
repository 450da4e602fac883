//! What `pipelines/README.md` tells operators to do by hand, done.

use std::path::Path;
use std::process::Command;

/// The commands of the last section.
fn commands() -> String {
    let text = include_str!("../pipelines/README.md");
    let section = text.split("## By hand").nth(1).expect("a section of commands");
    section.lines().filter_map(|line| line.strip_prefix("    ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_commands_of_the_readme_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plenum.mp4");
    let script = commands();
    assert_eq!(script.matches("\ngst-launch-1.0 ").count(), 4, "{script}");
    // Here nothing has a screen.
    let script = script.replace("/tmp/plenum.mp4", file.to_str().expect("text")).replace("autovideosink", "fakesink");
    let mut shell = Command::new("timeout");
    shell.args(["--signal=KILL", "60", "bash", "-euc", &script]);
    let output =
        shell.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines")).output().expect("bash runs");
    let words = [output.stdout, output.stderr].map(|words| String::from_utf8_lossy(&words).into_owned()).concat();
    assert!(output.status.success() && !words.contains("WARNING"), "{}: {words}", output.status);
    assert_eq!(words.matches("Got EOS from element").count(), 4, "{words}");

    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0"]);
    let shown = probe.arg(&file).output().expect("ffprobe runs");
    let shown = String::from_utf8(shown.stdout).expect("text");
    assert!(shown.contains("h264,90") && shown.contains("aac,14"), "{shown}");
}
