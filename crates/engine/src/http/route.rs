//! The way to a source: our certificate, whom we trust, and the proxy in between.

use std::net::IpAddr;

use reqwest::{Certificate, ClientBuilder, Identity, NoProxy, Proxy};
use tidegate_core::pipeline::{Secret, Secrets, Source};
use url::{Host, Url};

use crate::Error;

/// The proxies that an environment names, as `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` do. The shell reads
/// them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For http.
    pub http: Option<ProxyVariable>,
    /// For https.
    pub https: Option<ProxyVariable>,
    /// Hosts that are asked directly, separated by commas. Those of this machine always are.
    pub none: Option<String>,
}

/// A variable that names a proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyVariable {
    /// Name of the variable.
    pub name: &'static str,
    /// The address; it may hold a password.
    pub url: String,
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
            None => of_environment(environment, &source.base_url)?,
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

/// The proxies of the environment. One that cannot be used is an error only where the source is to be asked through it.
fn of_environment(environment: &Proxies, base_url: &str) -> Result<Vec<Proxy>, Error> {
    let direct = environment.none.as_ref().map_or(HERE.to_owned(), |hosts| format!("{HERE},{hosts}"));
    let url = Url::parse(base_url).ok();
    let is_direct = url.as_ref().and_then(Url::host).is_some_and(|host| is_direct(&host, &direct));
    let http = environment.http.as_ref().map(|named| proxy(named.name, &named.url, Proxy::http));
    let https = environment.https.as_ref().map(|named| proxy(named.name, &named.url, Proxy::https));
    let proxies = http.into_iter().chain(https).filter(|proxy| proxy.is_ok() || !is_direct);
    proxies.map(|proxy| Ok(proxy?.no_proxy(NoProxy::from_string(&direct)))).collect()
}

/// Whether a host is among those that are asked directly: by its name, that of a domain that it is in, or its address.
fn is_direct(host: &Host<&str>, direct: &str) -> bool {
    let ip = match host {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(*ip)),
    };
    direct.split(',').map(str::trim).any(|entry| match (ip, host) {
        _ if entry == "*" => true,
        (Some(ip), _) => is_in(ip, entry),
        (None, Host::Domain(name)) => {
            let (name, domain) =
                (name.to_ascii_lowercase(), entry.trim_start_matches('.').to_ascii_lowercase());
            !domain.is_empty() && (name == domain || name.ends_with(&format!(".{domain}")))
        }
        _ => false,
    })
}

/// Whether an address is this one or in this network.
fn is_in(ip: IpAddr, network: &str) -> bool {
    let (address, length) = network.split_once('/').unwrap_or((network, "128"));
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let same =
        |a: u128, b: u128, bits: u32| (a ^ b).checked_shr(bits.saturating_sub(length)).unwrap_or(0) == 0;
    match (ip, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

/// A proxy; `key` names it in the error, which does not show the address, as that may hold a password.
fn proxy(key: &str, url: &str, kind: impl Fn(Url) -> reqwest::Result<Proxy>) -> Result<Proxy, Error> {
    let wrong = || {
        Error::Config(format!(
            "{key}: it is not the address of an http or https proxy, such as http://host:3128, and no others are known; \
             set source.proxy to one, or put the host of source.base_url into NO_PROXY"
        ))
    };
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
        let named = |name, url: &str| Some(ProxyVariable { name, url: url.to_owned() });
        let environment = Proxies {
            http: named("HTTP_PROXY", "proxy:3128"),
            https: named("HTTPS_PROXY", "http://p"),
            none: None,
        };
        assert_eq!(route(json!({}), &environment).expect("a route").proxies.len(), 2);
        let own = json!({ "proxy": "http://me:${PASS}@proxy:3128" });
        assert_eq!(route(own, &environment).expect("a route").proxies.len(), 1);
        assert!(!route(json!({}), &Proxies::default()).expect("a route").has_proxy());
    }

    #[test]
    fn a_proxy_of_another_kind_is_an_error_only_where_it_is_needed() {
        let all = Some(ProxyVariable { name: "ALL_PROXY", url: "socks5://p4ss@proxy".to_owned() });
        for (host, none, is_direct) in [
            ("api.example.org", None, false),
            ("api.example.org", Some("ample.org,10.0.0.0/8"), false),
            ("api.example.org", Some(" .example.org , other"), true),
            ("API.example.org", Some("api.Example.org"), true),
            ("api.example.org", Some("*"), true),
            ("localhost:8080", None, true),
            ("127.9.9.9", None, true),
            ("[::1]:80", None, true),
            ("10.1.2.3", Some("10.0.0.0/8"), true),
            ("11.1.2.3", Some("10.0.0.0/8,11.1.2.4"), false),
            ("[fd00::1]", Some("fd00::/8"), true),
        ] {
            let environment =
                Proxies { http: all.clone(), https: all.clone(), none: none.map(str::to_owned) };
            let route = route(json!({ "base_url": format!("http://{host}/v1") }), &environment);
            let message = route.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert_eq!(route.is_ok(), is_direct, "{host} {none:?} {message}");
            let said = ["ALL_PROXY", "source.proxy", "NO_PROXY"].iter().all(|word| message.contains(word));
            assert!((is_direct || said) && !message.contains("p4ss"), "{message}");
        }
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
