//! Python's `strftime`, with the forms of the Airbyte CDK: `%s` (seconds since 1970), `%ms`, `%_ms` (three digits),
//! `%s_as_float`, `%epoch_microseconds`.

use jiff::Zoned;
use jiff::fmt::strtime;
use minijinja::Error;

use super::moment::wrong;

/// The time in a format.
pub(super) fn format(time: &Zoned, format: &str) -> Result<String, Error> {
    let micros = time.timestamp().as_microsecond();
    match format {
        "%ms" => return Ok(micros.div_euclid(1000).to_string()),
        "%s_as_float" => return Ok(super::python::float(micros as f64 / 1e6)),
        "%epoch_microseconds" => return Ok(micros.to_string()),
        _ => {}
    }
    let fraction = time.subsec_nanosecond() / 1000;
    let mut own = String::with_capacity(format.len());
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        own.push_str(&rest[..at]);
        let directive = &rest[at..];
        rest = if let Some(after) = directive.strip_prefix("%_ms") {
            own.push_str(&format!("{:03}", fraction / 1000));
            after
        } else if let Some(after) = directive.strip_prefix("%f") {
            own.push_str(&format!("{fraction:06}"));
            after
        } else if let Some(after) = directive.strip_prefix("%%") {
            own.push_str("%%");
            after
        } else {
            own.push('%');
            &directive[1..]
        };
    }
    own.push_str(rest);
    strtime::format(own.as_bytes(), time)
        .map_err(|error| wrong(format!("`{format}` is no format of a time: {error}")))
}
