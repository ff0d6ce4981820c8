//! Makes a conversation fit: what is too long loses its middle.
//!
//! Kept are the beginning (instructions stand there) and the end (the question stands there).
//! Whole messages go first; those at the two edges keep the part that is nearer to the outside.

/// What is kept of one message: this many units from its front and from its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kept {
    pub(crate) message: usize,
    pub(crate) front: usize,
    pub(crate) back: usize,
}

/// The beginning's share of the room, at most: a half if the first message needs it, else a quarter.
const FRONT_AT_MOST: usize = 2;
const FRONT_ELSE: usize = 4;

/// Chooses what to keep of messages of these lengths, so that it takes at most `room` units, each
/// kept message costing `each` on top.
///
/// Keeps everything where it fits. Units may be bytes or tokens.
pub(crate) fn keep_ends(lengths: &[usize], each: usize, room: usize) -> Vec<Kept> {
    let whole: usize = lengths.iter().map(|length| length + each).sum();
    if whole <= room {
        let all = lengths.iter().enumerate();
        return all
            .map(|(message, front)| Kept {
                message,
                front: *front,
                back: 0,
            })
            .collect();
    }
    let first = lengths.first().map_or(0, |length| length + each);
    let mut front_room = first.clamp(room / FRONT_ELSE, room / FRONT_AT_MOST);
    let mut kept: Vec<Kept> = Vec::new();
    let mut used = 0;
    for (message, length) in lengths.iter().enumerate() {
        if front_room <= each {
            break;
        }
        let front = (*length).min(front_room - each);
        kept.push(Kept {
            message,
            front,
            back: 0,
        });
        front_room -= each + front;
        used += each + front;
        if front < *length {
            break;
        }
    }
    let mut back_room = room - used;
    let mut ends: Vec<Kept> = Vec::new();
    for (message, length) in lengths.iter().enumerate().rev() {
        if let Some(begun) = kept.last_mut().filter(|begun| begun.message == message) {
            begun.back = (length - begun.front).min(back_room);
            break;
        }
        if back_room <= each {
            break;
        }
        let back = (*length).min(back_room - each);
        ends.push(Kept {
            message,
            front: 0,
            back,
        });
        back_room -= each + back;
        if back < *length {
            break;
        }
    }
    kept.extend(ends.into_iter().rev());
    kept
}

#[cfg(test)]
mod tests;
