//! The way to a source: our certificate, whom we trust, and the proxy in between.

use reqwest::{Certificate, ClientBuilder, Identity, NoProxy, Proxy};
use tidegate_core::pipeline::{Secret, Secrets, Source};
use url::Url;

use crate::Error;

/// The proxies that an environment names, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` do. The shell reads them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For http.
    pub http: Option<String>,
    /// For https.
    pub https: Option<String>,
    /// Hosts that are asked directly, separated by commas. Those of this machine always are.
    pub none: Option<String>,
}

/// A way, ready to be taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Route {
    identity: Option<Identity>,
    trusted: Vec<Certificate>,
    proxies: Vec<Proxy>,
}

/// Hosts of this machine.
const HERE: &str = "localhost,127.0.0.0/8,::1";

impl Route {
    pub(super) fn of(source: &Source, secrets: &Secrets, environment: &Proxies) -> Result<Route, Error> {
        let reveal = |key: &str, secret: &Option<Secret>| {
            secret.as_ref().map(|s| revealed(secrets, key, s)).transpose()
        };
        let mut route = Route::default();
        if let Some(tls) = &source.tls {
            let cert = reveal("tls.client_cert", &tls.client_cert)?;
            let key = reveal("tls.client_key", &tls.client_key)?;
            if let (Some(cert), Some(key)) = (cert, key) {
                route.identity = Some(identity(&cert, &key)?);
            }
            if let Some(ca) = reveal("tls.ca", &tls.ca)? {
                route.trusted = certificates(&ca)?;
            }
        }
        route.proxies = match reveal("proxy", &source.proxy)? {
            Some(url) => vec![proxy("source.proxy", &url, Proxy::all)?],
            None => of_environment(environment)?,
        };
        Ok(route)
    }

    pub(super) fn take(&self, client: ClientBuilder) -> ClientBuilder {
        let client = self.proxies.iter().cloned().fold(client, ClientBuilder::proxy);
        let client = match &self.identity {
            Some(identity) => client.identity(identity.clone()),
            None => client,
        };
        if self.trusted.is_empty() { client } else { client.tls_certs_merge(self.trusted()) }
    }

    /// The certificates that are trusted besides those of the machine.
    pub(super) fn trusted(&self) -> Vec<Certificate> {
        self.trusted.clone()
    }

    pub(super) fn has_proxy(&self) -> bool {
        !self.proxies.is_empty()
    }
}

fn revealed(secrets: &Secrets, key: &str, secret: &Secret) -> Result<String, Error> {
    secrets.reveal(secret).map_err(|name| {
        Error::Config(format!("source.{key}: the secret `{name}` has no value; set it and start again"))
    })
}

fn identity(cert: &str, key: &str) -> Result<Identity, Error> {
    Identity::from_pem(format!("{cert}\n{key}\n").as_bytes()).map_err(|_| {
        Error::Config(
            "source.tls: `client_cert` and `client_key` are not a certificate and its key in PEM; convert them with \
             openssl x509 and openssl pkey"
                .to_owned(),
        )
    })
}

fn certificates(ca: &str) -> Result<Vec<Certificate>, Error> {
    let found = Certificate::from_pem_bundle(ca.as_bytes()).ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| Error::Config("source.tls.ca: there is no certificate in PEM in it".to_owned()))
}

fn of_environment(environment: &Proxies) -> Result<Vec<Proxy>, Error> {
    let http = environment.http.as_ref().map(|url| proxy("HTTP_PROXY", url, Proxy::http));
    let https = environment.https.as_ref().map(|url| proxy("HTTPS_PROXY", url, Proxy::https));
    let direct = environment.none.as_ref().map_or(HERE.to_owned(), |hosts| format!("{HERE},{hosts}"));
    let proxies =
        http.into_iter().chain(https).map(|proxy| Ok(proxy?.no_proxy(NoProxy::from_string(&direct))));
    proxies.collect()
}

/// A proxy; `key` names it in the error, which does not show the address, as that may hold a password.
fn proxy(key: &str, url: &str, kind: impl Fn(Url) -> reqwest::Result<Proxy>) -> Result<Proxy, Error> {
    let wrong =
        || Error::Config(format!("{key}: it is not the address of a proxy, such as http://host:3128"));
    // An environment often leaves the scheme out.
    let text = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let url =
        Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(wrong)?;
    kind(url).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn route(more: serde_json::Value, environment: &Proxies) -> Result<Route, Error> {
        let mut source = json!({ "base_url": "https://x.org" });
        source.as_object_mut().expect("a table").extend(more.as_object().cloned().expect("a table"));
        let secrets = Secrets::new([("PASS".to_owned(), "p4ss".to_owned())]);
        Route::of(&serde_json::from_value(source).expect("a source"), &secrets, environment)
    }

    #[test]
    fn the_source_s_proxy_goes_before_that_of_the_environment() {
        let environment =
            Proxies { http: Some("proxy:3128".to_owned()), https: Some("http://p".to_owned()), none: None };
        assert_eq!(route(json!({}), &environment).expect("a route").proxies.len(), 2);
        let own = json!({ "proxy": "http://me:${PASS}@proxy:3128" });
        assert_eq!(route(own, &environment).expect("a route").proxies.len(), 1);
        assert!(!route(json!({}), &Proxies::default()).expect("a route").has_proxy());
    }

    #[test]
    fn what_is_no_certificate_and_no_proxy_is_an_error_that_shows_nothing() {
        for wrong in [
            json!({ "proxy": "socks5://${PASS}" }),
            json!({ "tls": { "ca": "${PASS}" } }),
            json!({ "tls": { "client_cert": "${PASS}", "client_key": "${PASS}" } }),
            json!({ "tls": { "ca": "${GONE}" } }),
        ] {
            let error = route(wrong.clone(), &Proxies::default()).expect_err("wrong");
            let message = error.to_string();
            assert!(message.contains("source.") && !message.contains("p4ss"), "{wrong}: {message}");
        }
    }
}
