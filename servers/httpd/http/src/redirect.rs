//! Following redirects (RFC 9110 §15.4): where to, with which method, and when to stop.

use alloc::{vec, vec::Vec};
use core::fmt;

use crate::{Method, Scheme, Status, Url, UrlError};

/// As many as curl's users and browsers get along with, and no endless walk.
const MAX_REDIRECTS: usize = 10;

/// The walk from URL to URL.
#[derive(Clone, Debug)]
pub struct Redirects {
    visited: Vec<Url>,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Where to go.
    pub url: Url,
    /// How to ask there.
    pub method: Method,
    /// It goes from https to http: what was protected is so no longer, and the user should be told.
    pub leaves_tls: bool,
}

/// Why the walk ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectError {
    /// The same URL a second time, or more than 10 steps.
    Loop,
    /// The answer says "elsewhere" and not where.
    NoLocation,
    /// Where is no URL for us.
    BadLocation(UrlError),
}

impl RedirectError {
    /// The system's error code: Loop 1033, else Http 1047.
    pub fn code(&self) -> u16 {
        match self {
            Self::Loop => 1033,
            Self::NoLocation | Self::BadLocation(_) => 1047,
        }
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loop => f.write_str("redirected in a circle or more than 10 times"),
            Self::NoLocation => f.write_str("redirected, but not told where"),
            Self::BadLocation(error) => write!(f, "redirected to what cannot be followed: {error}"),
        }
    }
}

impl core::error::Error for RedirectError {}

impl Redirects {
    /// Starts at the URL that is asked first.
    pub fn new(start: Url) -> Self {
        Self { visited: vec![start] }
    }

    /// The URL that is being asked.
    pub fn current(&self) -> &Url {
        &self.visited[self.visited.len() - 1]
    }

    /// What an answer's status and `Location` mean: `None` when it is no redirect and the walk is over.
    pub fn follow(
        &mut self,
        method: Method,
        status: Status,
        location: Option<&str>,
    ) -> Result<Option<Redirect>, RedirectError> {
        let method = match (status.0, method) {
            (301 | 302, Method::Post) => Method::Get, // what everybody does; the RFC gives in
            (303, Method::Post) => Method::Get,
            (301 | 302 | 303 | 307 | 308, method) => method,
            _ => return Ok(None),
        };
        let here = self.current();
        let url = here.resolve(location.ok_or(RedirectError::NoLocation)?).map_err(RedirectError::BadLocation)?;
        if self.visited.len() > MAX_REDIRECTS || self.visited.contains(&url) {
            return Err(RedirectError::Loop);
        }
        let leaves_tls = here.scheme() == Scheme::Https && url.scheme() == Scheme::Http;
        self.visited.push(url.clone());
        Ok(Some(Redirect { url, method, leaves_tls }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    fn at(url: &str) -> Redirects {
        Redirects::new(Url::parse(url).unwrap())
    }

    #[test]
    fn relative_absolute_and_other_schemes_are_followed() {
        let mut walk = at("https://a.test/x/y");
        let next = walk.follow(Method::Get, Status(302), Some("../z?q")).unwrap().unwrap();
        assert_eq!((next.url.to_string().as_str(), next.leaves_tls), ("https://a.test/z?q", false));
        let next = walk.follow(Method::Get, Status(308), Some("http://b.test/")).unwrap().unwrap();
        assert!(next.leaves_tls);
        assert_eq!(walk.current().to_string(), "http://b.test/");
        let next = walk.follow(Method::Get, Status(301), Some("https://b.test/")).unwrap().unwrap();
        assert!(!next.leaves_tls);
        assert_eq!(walk.follow(Method::Get, Status(200), Some("/ignored")), Ok(None));
        assert_eq!(walk.follow(Method::Get, Status(304), Some("/ignored")), Ok(None));
    }

    #[test]
    fn a_post_becomes_a_get_where_it_must() {
        for (status, method) in
            [(301, Method::Get), (302, Method::Get), (303, Method::Get), (307, Method::Post), (308, Method::Post)]
        {
            let next = at("http://a.test/").follow(Method::Post, Status(status), Some("/next")).unwrap().unwrap();
            assert_eq!(next.method, method, "{status}");
        }
        let next = at("http://a.test/").follow(Method::Head, Status(303), Some("/next")).unwrap().unwrap();
        assert_eq!(next.method, Method::Head);
    }

    #[test]
    fn circles_long_ways_and_dead_ends_are_errors() {
        let mut walk = at("http://a.test/");
        walk.follow(Method::Get, Status(302), Some("/b")).unwrap();
        let error = walk.follow(Method::Get, Status(302), Some("/#again")).unwrap_err();
        assert_eq!((error.code(), error), (1033, RedirectError::Loop));
        let mut walk = at("http://a.test/0");
        for step in 1..=10 {
            assert!(walk.follow(Method::Get, Status(302), Some(&format!("/{step}"))).is_ok());
        }
        assert_eq!(walk.follow(Method::Get, Status(302), Some("/11")), Err(RedirectError::Loop));
        assert_eq!(at("http://a.test/").follow(Method::Get, Status(302), None), Err(RedirectError::NoLocation));
        let error = at("http://a.test/").follow(Method::Get, Status(302), Some("ftp://a.test/")).unwrap_err();
        assert_eq!((error.code(), error.to_string().contains("ftp")), (1047, true));
    }
}
