//! The token that clients must know where the server can be reached from elsewhere.

use super::Access;
use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// The name of the cookie.
const COOKIE: &str = "refcon_session";
/// Characters that a token must have: about 80 bits where they are drawn at random.
const LEAST_CHARACTERS: usize = 16;

/// A secret that clients must know. Only a hash of it is kept.
pub struct Token {
    hash: [u8; 32],
    /// What the browser keeps instead of the token: another one each time the server starts.
    session: [u8; 32],
}

/// Why something is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token needs {LEAST_CHARACTERS} characters or more, without spaces, found {found}; draw one at random, as with `openssl rand -hex 16`"
)]
pub struct TokenError {
    /// Characters found.
    pub found: usize,
}

impl Token {
    /// A token from what the user wrote.
    ///
    /// # Errors
    /// When it is too short to be a secret.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let found = text.chars().filter(|c| !c.is_whitespace()).count();
        if found < LEAST_CHARACTERS || found != text.chars().count() {
            return Err(TokenError { found });
        }
        let key: [u8; 32] = rand::random();
        let session = Sha256::new().chain_update(key).chain_update(text).finalize().into();
        Ok(Self { hash: Sha256::digest(text).into(), session })
    }

    /// Whether `text` is the token; takes as long for a right as for a wrong one.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        let hash: [u8; 32] = Sha256::digest(text).into();
        hash.ct_eq(&self.hash).into()
    }

    /// Whether a request says the token, or has the cookie that a client gets for saying it.
    pub(super) fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
        let bearer = headers.get(header::AUTHORIZATION).and_then(text);
        if bearer.is_some_and(|value| value.strip_prefix("Bearer ").is_some_and(|said| self.is(said.trim())))
        {
            return true;
        }
        let expected = hexadecimal(&self.session);
        headers.get_all(header::COOKIE).iter().filter_map(text).any(|cookies| {
            cookies
                .split(';')
                .filter_map(|cookie| cookie.trim().split_once('='))
                .any(|(name, value)| name == COOKIE && value.as_bytes().ct_eq(expected.as_bytes()).into())
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The cookie for a client that said the token: scripts cannot read it, and no request that another site causes has it.
pub(crate) fn cookie_of(access: &Access, token: &Token) -> Option<HeaderValue> {
    let secure = if access.encrypted { "; Secure" } else { "" };
    let session = hexadecimal(&token.session);
    HeaderValue::from_str(&format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict{secure}")).ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_itself_and_by_its_cookie_only() {
        let token = Token::new("0123456789abcdef").unwrap();
        let knows = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            token.is_known_to(&headers)
        };
        assert!(knows("authorization", "Bearer 0123456789abcdef"));
        let cookie = hexadecimal(&token.session);
        assert!(knows("cookie", &format!("other=1; {COOKIE}={cookie}")));
        for wrong in ["Bearer 0123456789abcdeF", "Bearer ", "0123456789abcdef", "Basic 0123456789abcdef"] {
            assert!(!knows("authorization", wrong), "{wrong}");
        }
        assert!(!knows("cookie", &format!("{COOKIE}=0123456789abcdef")));
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn short_tokens_are_refused() {
        assert_eq!(Token::new("secret").unwrap_err(), TokenError { found: 6 });
        assert!(Token::new("0123456789 abcdef").is_err());
    }
}
