//! Credentials in a request: where they go, and what may not stand there.

use super::{Request, RequestError};
use crate::pipeline::Location;

impl Request {
    /// Puts a credential in its place. In the body `name` is a dotted path.
    pub fn set_credential(
        &mut self,
        location: Location,
        name: &str,
        value: &str,
    ) -> Result<(), RequestError> {
        match location {
            Location::Header => self.set_sound_header("source.auth", name, value.to_owned())?,
            Location::Query => {
                self.set_param(name, value);
                self.secret_params.push(name.to_owned());
            }
            Location::Cookie => self.set_cookie(name, value)?,
            Location::Body => {
                self.set_body(name, value.into()).ok_or_else(|| RequestError::Body(name.to_owned()))?;
                self.secret_body = true;
            }
        }
        Ok(())
    }

    /// Sets a header that HTTP can carry; `place` is the key in the file that an error names.
    pub fn set_sound_header(&mut self, place: &str, name: &str, value: String) -> Result<(), RequestError> {
        if !is_header_name(name) || value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(RequestError::Header { place: place.to_owned() });
        }
        self.set_header(&name.to_ascii_lowercase(), value);
        Ok(())
    }

    /// Adds a cookie, replacing one of the same name.
    fn set_cookie(&mut self, name: &str, value: &str) -> Result<(), RequestError> {
        // What RFC 6265 does not let stand in a cookie.
        if value.contains([';', ',', ' ', '"', '\\']) || value.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(RequestError::Header { place: "source.auth".to_owned() });
        }
        let before = self.headers.iter().find(|(n, _)| n == "cookie").map_or("", |(_, value)| value);
        let others = before.split("; ").filter(|one| !one.is_empty() && one.split('=').next() != Some(name));
        let cookies: Vec<String> = others.map(str::to_owned).chain([format!("{name}={value}")]).collect();
        self.set_header("cookie", cookies.join("; "));
        Ok(())
    }
}

/// Whether HTTP can carry a header of that name.
pub(crate) fn is_header_name(name: &str) -> bool {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(token)
}
