//! Working memory that a thread keeps from one kernel to the next.

use crate::tile::{LINES, Tile};
use std::cell::RefCell;

thread_local! {
    /// Buffers that are not in use. More than one: a kernel may need several, and a thread that waits for others may start on
    /// another kernel in the meantime.
    static FREE: RefCell<Vec<Vec<Tile>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `count` tiles of this thread's memory. What they hold is left over from other work.
pub(crate) fn with_tiles<R>(count: usize, work: impl FnOnce(&mut [Tile]) -> R) -> R {
    let mut buffer = FREE.with_borrow_mut(|free| {
        let fitting = (0..free.len()).filter(|&at| free[at].len() >= count).min_by_key(|&at| free[at].len());
        match fitting {
            Some(at) => free.swap_remove(at),
            None => {
                // Too small for what is asked now: let it go rather than keep one of every size.
                free.pop();
                vec![Tile::ZERO; count]
            }
        }
    });
    let result = work(&mut buffer[..count]);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

/// Calls `work` with `count` values of this thread's memory, aligned to 64 bytes. What they hold is left over from other work.
pub(crate) fn with_values<R>(count: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    with_tiles(count.div_ceil(LINES * LINES), |tiles| work(&mut as_values(tiles)[..count]))
}

/// The same memory as f32.
fn as_values(tiles: &mut [Tile]) -> &mut [f32] {
    let count = tiles.len() * LINES * LINES;
    // SAFETY: a tile is 256 words of 32 bits without padding, any of which is an f32; the borrow goes over to the result.
    unsafe { std::slice::from_raw_parts_mut(tiles.as_mut_ptr().cast(), count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_in_use_at_the_same_time_are_different() {
        with_values(300, |outer| {
            outer.fill(1.0);
            with_values(300, |inner| inner.fill(2.0));
            assert!(outer.iter().all(|&v| v == 1.0));
        });
    }

    #[test]
    fn a_buffer_is_used_again() {
        let first = with_tiles(100, |tiles| tiles.as_ptr());
        let second = with_tiles(50, |tiles| tiles.as_ptr());
        assert_eq!(first, second);
    }
}
