//! Whether the way to a server leads through a proxy: `proxy-url` of the kubeconfig, else the environment, as in kubectl.

use http::Uri;
use std::net::IpAddr;

/// What the environment says about proxies. Handed in, so that tests need no environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ProxyEnvironment {
    /// `NO_PROXY` or `no_proxy`.
    no_proxy: Option<String>,
}

impl ProxyEnvironment {
    /// Reads this process' environment.
    pub(super) fn of_process() -> Self {
        let read = |name| std::env::var(name).ok().filter(|v: &String| !v.is_empty());
        Self { no_proxy: read("NO_PROXY").or_else(|| read("no_proxy")) }
    }

    /// True if a proxy that the environment names is not meant for this server (Go's `http/httpproxy`): loopback never
    /// is, nor what `NO_PROXY` lists. kube compares that list with the proxy's own name, hence this.
    pub(super) fn is_direct(&self, server: &Uri) -> bool {
        let host = server.host().unwrap_or("").trim_matches(['[', ']']).to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        if host == "localhost" || address.is_some_and(|ip| ip.is_loopback()) {
            return true;
        }
        let list = self.no_proxy.as_deref().unwrap_or("").split(',').map(str::trim).filter(|e| !e.is_empty());
        list.map(str::to_ascii_lowercase).any(|entry| covers(&entry, &host, address, server.port_u16()))
    }
}

/// `*`, `10.0.0.0/8`, `10.0.0.1`, `example.org` with what is below it, `.example.org` without itself; a port may follow.
fn covers(entry: &str, host: &str, address: Option<IpAddr>, port: Option<u16>) -> bool {
    if entry == "*" {
        return true;
    }
    if let (Some((network, bits)), Some(address)) = (entry.split_once('/'), address) {
        return within(network, bits, address);
    }
    let (name, wanted) = match entry.rsplit_once(':') {
        Some((name, digits)) if digits.parse::<u16>().is_ok() && !name.contains(':') => {
            (name, digits.parse().ok())
        }
        _ => (entry, None),
    };
    if wanted.is_some() && wanted != port {
        return false;
    }
    match name.trim_start_matches('*').strip_prefix('.') {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    }
}

fn within(network: &str, bits: &str, address: IpAddr) -> bool {
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match (network.parse::<IpAddr>(), address) {
        (Ok(IpAddr::V4(network)), IpAddr::V4(address)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            u32::from(network) & mask == u32::from(address) & mask
        }
        (Ok(IpAddr::V6(network)), IpAddr::V6(address)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            u128::from(network) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_is_read_as_go_reads_it() {
        let list = "corp.example.org,.internal,10.0.0.0/8,192.168.1.5,api:6443";
        let environment = ProxyEnvironment { no_proxy: Some(list.to_owned()) };
        for (server, direct) in [
            ("https://corp.example.org", true),
            ("https://k8s.corp.example.org:6443", true),
            ("https://notcorp.example.org", false),
            ("https://a.internal", true),
            ("https://internal", false),
            ("https://10.20.30.40:6443", true),
            ("https://11.0.0.1", false),
            ("https://192.168.1.5", true),
            ("https://api:6443", true),
            ("https://api:443", false),
            ("https://127.0.0.1:6443", true),
            ("https://[::1]:6443", true),
            ("https://example.org", false),
        ] {
            assert_eq!(environment.is_direct(&server.parse().expect("a URI")), direct, "{server}");
        }
        assert!(
            ProxyEnvironment { no_proxy: Some("*".to_owned()) }.is_direct(&Uri::from_static("https://x.org"))
        );
    }
}
