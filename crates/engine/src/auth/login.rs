//! A session: a login whose answer holds the token.

use tidegate_core::pipeline::SessionToken;
use tidegate_core::request::Request;

use super::token::Token;
use super::{config, grant, reveal};
use crate::Error;
use crate::fetch::Fetch;

pub(super) async fn token(fetch: &Fetch<'_>, session: &SessionToken) -> Result<Token, Error> {
    let request = request(fetch, session)?;
    let response = grant::send(fetch, &request, "check `login` in source.auth").await?;
    let value = match &session.token_header {
        None => grant::token_at(fetch, &request, &response, &session.token_path)?,
        Some(name) => {
            let token = response.header(&name.to_ascii_lowercase()).ok_or_else(|| {
                let shown = request.shown(&fetch.env.secrets);
                Error::Source(format!(
                    "{shown}: the login's answer has no header `{name}`; check source.auth"
                ))
            })?;
            token.to_owned()
        }
    };
    Ok(Token::new(value, fetch.env.clock.now(), session.expiration.map(|life| life.0)))
}

fn request(fetch: &Fetch<'_>, session: &SessionToken) -> Result<Request, Error> {
    let login = &session.login;
    let url = match login.path.starts_with("http://") || login.path.starts_with("https://") {
        true => login.path.clone(),
        false => {
            let base = fetch.pipeline.source.base_url.trim_end_matches('/');
            format!("{base}/{}", login.path.trim_start_matches('/'))
        }
    };
    let mut request = grant::request(login.method, &url)?;
    for (name, value) in grant::revealed(fetch, "login.params", &login.params)? {
        request.set_param(&name, &value);
        request.secret_params.push(name);
    }
    if let (Some(user), Some(password)) = (&login.username, &login.password) {
        let (user, password) =
            (reveal(fetch, "login.username", user)?, reveal(fetch, "login.password", password)?);
        let (name, value) = grant::basic(fetch, &user, &password);
        request.set_header(&name, value);
    }
    if !login.body.is_empty() {
        grant::json_body(&mut request, grant::revealed(fetch, "login.body", &login.body)?);
    } else if !login.form.is_empty() {
        request.set_form(grant::revealed(fetch, "login.form", &login.form)?);
    }
    for (name, value) in grant::revealed(fetch, "login.headers", &login.headers)? {
        request
            .set_sound_header(&format!("source.auth.login.headers.{name}"), &name, value)
            .map_err(config)?;
    }
    Ok(request)
}
