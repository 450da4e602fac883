//! On the way from one place to another: pure.

use std::time::{Duration, Instant};

use super::layout::Placement;

/// How long it takes: long enough to be followed, and short enough not to be waited for.
pub(super) const TIME: Duration = Duration::from_millis(300);

/// A move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion {
    from: Placement,
    to: Placement,
    began: Instant,
}

impl Motion {
    pub(super) fn new(from: Placement, to: Placement, began: Instant) -> Self {
        Self { from, to, began }
    }

    /// Whether it is over.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= TIME
    }

    /// Where it has come. It begins and ends slowly, and all numbers are even.
    pub(super) fn at(&self, now: Instant) -> Placement {
        let part = now.saturating_duration_since(self.began).as_secs_f64() / TIME.as_secs_f64();
        if part >= 1.0 {
            return self.to;
        }
        let eased = part * part * (3.0 - 2.0 * part);
        let between = |from: u32, to: u32| {
            let way = f64::from(from) + (f64::from(to) - f64::from(from)) * eased;
            // Between two sides of a canvas, which are far from the limits of both types.
            (way / 2.0).round() as u32 * 2
        };
        Placement {
            x: between(self.from.x, self.to.x),
            y: between(self.from.y, self.to.y),
            width: between(self.from.width, self.to.width),
            height: between(self.from.height, self.to.height),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_from_one_to_the_other_without_turning_back() {
        let began = Instant::now();
        let from = Placement { x: 0, y: 576, width: 256, height: 144 };
        let to = Placement { x: 640, y: 0, width: 1280, height: 720 };
        let motion = Motion::new(from, to, began);
        assert_eq!((motion.at(began), motion.at(began + TIME), motion.at(began + TIME * 9)), (from, to, to));
        assert!(!motion.is_over(began) && motion.is_over(began + TIME));
        let half = motion.at(began + TIME / 2);
        assert_eq!((half.x, half.y, half.width, half.height), (320, 288, 768, 432));
        let steps: Vec<Placement> = (0..=30).map(|step| motion.at(began + TIME * step / 30)).collect();
        assert!(steps.windows(2).all(|two| two[0].x <= two[1].x && two[0].y >= two[1].y));
        assert!(steps.iter().all(|place| (place.x | place.y | place.width | place.height) & 1 == 0));
        assert!(steps.iter().all(|place| place.x + place.width <= 1920 && place.y + place.height <= 720));
    }
}
