//! Which slot carries which track: pure.
//!
//! Invariants: no track is in two slots; a slot has only tracks of its kind; what is wanted most is carried first; a
//! track that stays wanted enough stays where it is, since each move costs a keyframe.

use crate::media::Kind;

/// A slot, and what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot<T> {
    pub(super) kind: Kind,
    pub(super) carries: Option<T>,
}

/// What each slot shall carry, for tracks `wanted` by importance.
pub(super) fn assign<T: Clone + Eq>(slots: &[Slot<T>], wanted: &[(Kind, T)]) -> Vec<Option<T>> {
    let mut assigned: Vec<Option<T>> = vec![None; slots.len()];
    for kind in Kind::ALL {
        let room = slots.iter().filter(|slot| slot.kind == kind).count();
        let mut chosen: Vec<&T> = Vec::with_capacity(room);
        for (_, track) in wanted.iter().filter(|(of, _)| *of == kind) {
            if chosen.len() == room {
                break;
            }
            if !chosen.contains(&track) {
                chosen.push(track);
            }
        }
        for (slot, assigned) in slots.iter().zip(&mut assigned).filter(|(slot, _)| slot.kind == kind) {
            let stays = slot.carries.as_ref().and_then(|track| chosen.iter().position(|chosen| *chosen == track));
            *assigned = stays.map(|index| chosen.remove(index).clone());
        }
        let mut rest = chosen.into_iter();
        let free = slots.iter().zip(&mut assigned).filter(|(slot, assigned)| slot.kind == kind && assigned.is_none());
        for (_, assigned) in free {
            *assigned = rest.next().cloned();
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slot(kind: Kind, carries: Option<u8>) -> Slot<u8> {
        Slot { kind, carries }
    }

    #[test]
    fn what_stays_wanted_stays_in_place() {
        let slots = [slot(Kind::Video, Some(1)), slot(Kind::Video, Some(2)), slot(Kind::Video, None)];
        let wanted = [(Kind::Video, 3), (Kind::Video, 2), (Kind::Video, 4)];
        assert_eq!(assign(&slots, &wanted), [Some(3), Some(2), Some(4)]);
    }

    #[test]
    fn the_least_wanted_goes_without() {
        let slots = [slot(Kind::Audio, None), slot(Kind::Video, Some(1))];
        let wanted = [(Kind::Video, 2), (Kind::Video, 1)];
        assert_eq!(assign(&slots, &wanted), [None, Some(2)]);
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![Just(Kind::Audio), Just(Kind::Video)]
    }

    /// Tracks are numbers; odd ones are sound.
    fn kind_of(track: u8) -> Kind {
        if track % 2 == 1 { Kind::Audio } else { Kind::Video }
    }

    proptest! {
        #[test]
        fn any_assignment_keeps_the_invariants(
            kinds in proptest::collection::vec(kind(), 0..12),
            carried in proptest::collection::vec(any::<u8>(), 12),
            wanted in proptest::collection::vec(0u8..30, 0..30),
        ) {
            let mut used = std::collections::BTreeSet::new();
            let slots: Vec<_> = kinds.iter().zip(&carried)
                .map(|(kind, track)| slot(*kind, (kind_of(*track) == *kind && used.insert(*track)).then_some(*track)))
                .collect();
            let wanted: Vec<_> = wanted.iter().map(|track| (kind_of(*track), *track)).collect();
            let assigned = assign(&slots, &wanted);
            prop_assert_eq!(assigned.len(), slots.len());
            let mut seen = std::collections::BTreeSet::new();
            for (slot, track) in slots.iter().zip(&assigned) {
                if let Some(track) = track {
                    prop_assert_eq!(kind_of(*track), slot.kind);
                    prop_assert!(seen.insert(*track), "a track in two slots");
                }
            }
            for kind in Kind::ALL {
                let room = slots.iter().filter(|slot| slot.kind == kind).count();
                let mut first = Vec::new();
                for (_, track) in wanted.iter().filter(|(of, _)| *of == kind) {
                    if !first.contains(track) { first.push(*track); }
                }
                first.truncate(room);
                for track in &first {
                    prop_assert!(seen.contains(track), "wanted and not carried");
                    let before = slots.iter().position(|slot| slot.carries == Some(*track));
                    if let Some(before) = before {
                        prop_assert_eq!(&assigned[before], &Some(*track), "moved without need");
                    }
                }
                prop_assert_eq!(seen.iter().filter(|track| kind_of(**track) == kind).count(), first.len());
            }
            let settled: Vec<_> = slots.iter().zip(&assigned).map(|(slot, track)| Slot { kind: slot.kind, carries: *track }).collect();
            prop_assert_eq!(assign(&settled, &wanted), assigned, "settles at once");
        }
    }
}
