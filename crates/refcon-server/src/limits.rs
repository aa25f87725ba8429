//! How much a request may ask for.

use refcon_image::DecodeLimits;
use std::time::Duration;

/// How much the server does for its clients.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Size of an image that is sent.
    pub image: DecodeLimits,
    /// Matches of a search.
    pub matches: usize,
    /// Examples of a search, liked and disliked together.
    pub examples: usize,
    /// Searches that are worked on or wait.
    pub searches: usize,
    /// Requests that are worked on or wait.
    pub requests: usize,
    /// Clients that tell their token at the same time.
    pub sessions: usize,
    /// Jobs that wait or run.
    pub jobs: usize,
    /// Streams of events that are open.
    pub event_streams: usize,
    /// Time that a request may take.
    pub request_time: Duration,
    /// Time that a client may take to send a request's headers.
    pub header_time: Duration,
    /// Amplitudes of a section, which is held in memory as a whole.
    pub section_samples: usize,
    /// Bytes of sections that are kept for the next request.
    pub section_cache_bytes: usize,
    /// Width and height of a picture of a section.
    pub picture_side: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            image: DecodeLimits { max_side: 8192, max_pixels: 16_000_000 },
            matches: 1000,
            examples: 1000,
            searches: 256,
            requests: 1024,
            sessions: 8,
            jobs: 8,
            event_streams: 64,
            request_time: Duration::from_secs(60),
            header_time: Duration::from_secs(15),
            section_samples: 1 << 28,
            section_cache_bytes: 1 << 30,
            picture_side: 8192,
        }
    }
}
