//! The judge of a tone that never stops, as somebody hums it: a hole in it, or a jump from one place of the wave to another,
//! is what people hear as a click. Other tones, and beeps, may sound beside it.
//!
//! The tone is turned down to nought hertz: what remains is how loud it is and where in the wave, which must stay.
//! `tests/judge.rs` holds this judge against sound with known faults.

use super::source::SAMPLES;

/// One look at the tone, and how far apart looks are.
const WINDOW: usize = SAMPLES as usize / 100;
const HOP: usize = WINDOW / 2;
/// The most that the place in the wave may change from one window to the next, in radians.
const JUMP: f64 = 0.6;

/// What is wrong, and when, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The tone is not half as loud as it mostly is, or more than half as loud again.
    Hole {
        /// When it begins.
        at: f64,
        /// When it ends.
        until: f64,
    },
    /// The wave goes on elsewhere.
    Jump {
        /// When.
        at: f64,
        /// How far, in samples; one is the least that can be told of tones of 3 kHz and more.
        samples: f64,
    },
}

/// Looks for what is wrong with a tone of so many hertz, which sounds from the beginning to the end.
pub fn faults(sound: &[f32], pitch: f64) -> Vec<Fault> {
    let looks: Vec<(f64, f64)> = (0..sound.len().saturating_sub(WINDOW))
        .step_by(HOP)
        .map(|at| look(&sound[at..at + WINDOW], at, pitch))
        .collect();
    let mut levels: Vec<f64> = looks.iter().map(|(level, _)| *level).collect();
    levels.sort_by(f64::total_cmp);
    let usual = levels.get(levels.len() / 2).copied().unwrap_or(0.0);
    let time = |index: usize| (index * HOP + WINDOW / 2) as f64 / SAMPLES as f64;
    let mut found = Vec::new();
    // A level of nothing is a hole from the beginning to the end.
    let is_hole = |level: f64| level < (usual / 2.0).max(0.005) || level > usual * 1.5;
    for (index, (level, angle)) in looks.iter().enumerate() {
        if is_hole(*level) {
            match found.last_mut() {
                Some(Fault::Hole { until, .. }) if time(index) - *until < 0.02 => *until = time(index),
                _ => found.push(Fault::Hole { at: time(index), until: time(index) }),
            }
            continue;
        }
        // Two windows that have nothing in common.
        let Some((before, was)) = index.checked_sub(2).and_then(|before| looks.get(before)) else { continue };
        let turn = std::f64::consts::TAU;
        let moved = (angle - was + turn / 2.0).rem_euclid(turn) - turn / 2.0;
        let is_new = !matches!(found.last(), Some(Fault::Jump { at, .. }) if time(index) - at < 0.02);
        if !is_hole(*before) && moved.abs() > JUMP && is_new {
            found.push(Fault::Jump { at: time(index), samples: moved / turn * SAMPLES as f64 / pitch });
        }
    }
    found
}

/// How loud the tone is in some samples, the first of which is number `first`, and where in the wave.
fn look(samples: &[f32], first: usize, pitch: f64) -> (f64, f64) {
    let step = std::f64::consts::TAU * pitch / SAMPLES as f64;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        // A Hann window keeps beeps out.
        let window = 1.0 - (std::f64::consts::TAU * index as f64 / samples.len() as f64).cos();
        // Whole seconds have whole turns: large numbers would cost precision.
        let angle = step * ((first + index) % SAMPLES as usize) as f64;
        real += f64::from(*sample) * window * angle.cos();
        imaginary -= f64::from(*sample) * window * angle.sin();
    }
    (2.0 * real.hypot(imaginary) / samples.len() as f64, imaginary.atan2(real))
}
