//! Small answers of a forecast API, one a file, about 2 KiB each: the time in `current` has no seconds and no zone, the
//! `hourly` values are parallel lists; times over 48 hours.

use std::fs;
use std::io;
use std::path::Path;

use super::facts::{Facts, Random, decimal};

/// Writes `count` documents into a directory; facts and bytes.
pub(super) fn write(directory: &Path, count: i64, seed: u64) -> io::Result<(Facts, u64)> {
    let (mut random, mut facts, mut bytes) = (Random(seed), Facts::default(), 0);
    for number in 0..count {
        let text = document(&mut random, number, &mut facts);
        bytes += text.len() as u64;
        fs::write(directory.join(format!("answer-{number:06}.json")), text)?;
    }
    Ok((facts, bytes))
}

fn document(random: &mut Random, number: i64, facts: &mut Facts) -> String {
    let minute = random.below(2880);
    let (day, hour) = (15 + minute / 1440, minute / 60 % 24);
    let temps: Vec<i64> = (0..24).map(|_| random.below(450) - 150).collect();
    let now = temps[usize::try_from(hour).unwrap_or(0)];
    facts.row(usize::try_from(minute).unwrap_or(0));
    [("ids", 1), ("sum_location_id", number), ("sum_temp", now), ("sum_hourly_temp", temps.iter().sum())]
        .into_iter()
        .for_each(|(name, value)| facts.add(name, value));
    let times: Vec<String> = (0..24).map(|hour| format!("\"2024-03-{day}T{hour:02}:00\"")).collect();
    let mut tenths = |end: i64| (0..24).map(|_| decimal(random.below(end), 1)).collect::<Vec<_>>().join(",");
    let (rain, wind) = (tenths(30), tenths(600));
    let humid: Vec<String> = (0..24).map(|_| (10 + random.below(90)).to_string()).collect();
    let temps: Vec<String> = temps.iter().map(|tenths| decimal(*tenths, 1)).collect();
    [
        place(random, number),
        format!(
            ",\"current\":{{\"time\":\"2024-03-{day}T{hour:02}:{:02}\",\"interval\":900,\"temperature_2m\":{},\
             \"relative_humidity_2m\":{},\"is_day\":{},\"weather_code\":{},\"wind_speed_10m\":{}}}",
            minute % 60,
            decimal(now, 1),
            10 + random.below(90),
            i64::from((6..18).contains(&hour)),
            [0, 1, 2, 3, 45, 61, 71][usize::try_from(random.below(7)).unwrap_or(0)],
            decimal(random.below(600), 1),
        ),
        ",\"hourly_units\":{\"time\":\"iso8601\",\"temperature_2m\":\"°C\",\"relative_humidity_2m\":\"%\",\
         \"precipitation\":\"mm\",\"wind_speed_10m\":\"km/h\"}"
            .to_owned(),
        format!(",\"hourly\":{{\"time\":[{}],\"temperature_2m\":[{}]", times.join(","), temps.join(",")),
        format!(",\"relative_humidity_2m\":[{}],\"precipitation\":[{rain}]", humid.join(",")),
        format!(",\"wind_speed_10m\":[{wind}]}}}}"),
    ]
    .concat()
}

fn place(random: &mut Random, number: i64) -> String {
    format!(
        "{{\"latitude\":{},\"longitude\":{},\"generationtime_ms\":{},\"utc_offset_seconds\":0,\"timezone\":\"GMT\",\
         \"timezone_abbreviation\":\"GMT\",\"elevation\":{}.0,\"location_id\":{number},\"current_units\":{{\
         \"time\":\"iso8601\",\"interval\":\"seconds\",\"temperature_2m\":\"°C\",\"relative_humidity_2m\":\"%\",\
         \"weather_code\":\"wmo code\",\"wind_speed_10m\":\"km/h\"}}",
        decimal(random.below(1_300_000) - 600_000, 4),
        decimal(random.below(3_600_000) - 1_800_000, 4),
        decimal(random.below(1_000_000_000), 9),
        random.below(3000),
    )
}
