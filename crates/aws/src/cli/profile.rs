//! `~/.aws/config` and `~/.aws/credentials`: the settings of a profile.

use std::collections::BTreeMap;

/// Settings of a profile by name, those of `credentials` before those of `config`.
pub(super) fn settings(name: &str, config: &str, credentials: &str) -> BTreeMap<String, String> {
    let in_config = if name == "default" { name.to_owned() } else { format!("profile {name}") };
    let mut settings = section(config, &in_config);
    settings.extend(section(credentials, name));
    settings
}

/// The settings of one section. Lines that are indented belong to a nested setting, which none of ours is.
fn section(text: &str, name: &str) -> BTreeMap<String, String> {
    let mut inside = false;
    let mut settings = BTreeMap::new();
    for line in text.lines() {
        if let Some(head) = line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            inside = head.split_whitespace().eq(name.split_whitespace());
        } else if inside
            && !line.starts_with([' ', '\t', '#', ';'])
            && let Some((key, value)) = line.split_once('=')
        {
            settings.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_from_both_files() {
        let config = "[default]\nregion = eu-west-1\n# note\n[profile  work]\nregion=us-east-1\ns3 =\n  max = 1\n\
                      endpoint_url = http://x\n[sso-session work]\nsso_region = no\n";
        let credentials = "[work]\naws_access_key_id = AK\naws_secret_access_key=a=b\n[default]\nregion=no\n";
        let work = settings("work", config, credentials);
        assert_eq!(work["region"], "us-east-1");
        assert_eq!(
            (work["aws_access_key_id"].as_str(), work["aws_secret_access_key"].as_str()),
            ("AK", "a=b")
        );
        assert_eq!(work["endpoint_url"], "http://x");
        assert!(!work.contains_key("max") && !work.contains_key("sso_region"));
        assert!(settings("other", config, credentials).is_empty());
    }
}
