//! A session: a login whose answer holds the token.

use tidegate_core::pipeline::SessionToken;
use tidegate_core::request::{self, Request};

use super::applicant::Applicant;
use super::token::Token;
use super::{config, grant};
use crate::{Error, fetch};

pub(super) async fn token(applicant: &Applicant, session: &SessionToken) -> Result<Token, Error> {
    let request = login(applicant, session)?;
    let response = grant::send(applicant, &request, "check `login` in source.auth", None).await?;
    let value = match &session.token_header {
        None => grant::token_at(applicant, &request, &response, &session.token_path)?,
        Some(name) => {
            let token = response.header(&name.to_ascii_lowercase()).ok_or_else(|| {
                let shown = request.shown(&applicant.env.secrets);
                Error::Source(format!(
                    "{shown}: the login's answer has no header `{name}`; check source.auth"
                ))
            })?;
            token.to_owned()
        }
    };
    Ok(Token::new(value, applicant.env.clock.now(), session.expiration.map(|life| life.0)))
}

fn login(applicant: &Applicant, session: &SessionToken) -> Result<Request, Error> {
    let login = &session.login;
    let url = match login.path.starts_with("http://") || login.path.starts_with("https://") {
        true => login.path.clone(),
        false => {
            let env = &applicant.env;
            let base = fetch::base(&applicant.source, &env.secrets, env.clock.now())?;
            let base = request::base_url(&applicant.source, &base).map_err(config)?;
            format!("{}/{}", base.trim_end_matches('/'), login.path.trim_start_matches('/'))
        }
    };
    let mut request = grant::request(login.method, &url)?;
    for (name, value) in grant::revealed(applicant, "login.params", &login.params)? {
        request.set_param(&name, &value);
        request.secret_params.push(name);
    }
    if let (Some(user), Some(password)) = (&login.username, &login.password) {
        let (user, password) =
            (applicant.reveal("login.username", user)?, applicant.reveal("login.password", password)?);
        let (name, value) = grant::basic(applicant, &user, &password);
        request.set_header(&name, value);
    }
    if !login.body.is_empty() {
        grant::json_body(&mut request, grant::revealed(applicant, "login.body", &login.body)?);
    } else if !login.form.is_empty() {
        request.set_form(grant::revealed(applicant, "login.form", &login.form)?);
    }
    for (name, value) in grant::revealed(applicant, "login.headers", &login.headers)? {
        request
            .set_sound_header(&format!("source.auth.login.headers.{name}"), &name, value)
            .map_err(config)?;
    }
    Ok(request)
}
