//! Weather observations as an API would log them: about 20 top-level fields, nested objects, a list of objects, a list of
//! doubles; a field that is often absent, one that is sometimes null, one with escapes; event times over 24 hours in no
//! order.

use std::io::{self, Write};

use super::facts::{Facts, Random, decimal};

const CITIES: [(&str, &str, &str); 8] = [
    ("Berlin", "DE", "{\"lat\":52.52,\"lon\":13.405}"),
    ("São Paulo", "BR", "{\"lat\":-23.5505,\"lon\":-46.6333}"),
    ("東京", "JP", "{\"lat\":35.6895,\"lon\":139.6917}"),
    ("New York", "US", "{\"lat\":40.7128,\"lon\":-74.006}"),
    ("Nairobi", "KE", "{\"lat\":-1.2921,\"lon\":36.8219}"),
    ("Zürich", "CH", "{\"lat\":47.3769,\"lon\":8.5417}"),
    ("Reykjavík", "IS", "{\"lat\":64.1466,\"lon\":-21.9426}"),
    ("Perth", "AU", "{\"lat\":-31.9523,\"lon\":115.8613}"),
];
const SKIES: [(i64, &str, &str, &str); 6] = [
    (800, "Clear", "clear sky", "01d"),
    (801, "Clouds", "few clouds", "02d"),
    (500, "Rain", "light rain", "10d"),
    (501, "Rain", "moderate rain", "10n"),
    (600, "Snow", "light snow", "13d"),
    (741, "Fog", "fog", "50n"),
];
const ZONES: [&str; 5] =
    ["Europe/Berlin", "America/Sao_Paulo", "Asia/Tokyo", "America/New_York", "Africa/Nairobi"];

/// Writes events until there are `bytes` of them.
pub(super) fn write(out: &mut dyn Write, bytes: u64, seed: u64) -> io::Result<Facts> {
    let mut random = Random(seed);
    let lists: Vec<Vec<i64>> = (0..4096).map(|_| (0..8).map(|_| random.below(750) - 300).collect()).collect();
    let texts: Vec<String> = lists
        .iter()
        .map(|list| list.iter().map(|tenths| decimal(*tenths, 1)).collect::<Vec<_>>().join(","))
        .collect();
    let (mut facts, mut written, mut number) = (Facts::default(), 0, 0);
    while written < bytes {
        let list = usize::try_from(random.below(4096)).unwrap_or(0);
        facts.add("sum_hourly_temp", lists[list].iter().sum());
        let line = line(&mut random, number, &texts[list], &mut facts);
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
        number += 1;
    }
    Ok(facts)
}

fn line(random: &mut Random, number: i64, list: &str, facts: &mut Facts) -> String {
    let (second, place, temp) = (random.below(86_400), random.below(20_000), random.below(6000) - 2000);
    let (pressure, humidity, speed) = (980 + random.below(60), random.below(100), random.below(2000));
    let (city, country, coord) = CITIES[usize::try_from(place % 8).unwrap_or(0)];
    facts.row(usize::try_from(second / 60).unwrap_or(0));
    [("ids", 1), ("sum_location_id", place), ("sum_temp", temp), ("sum_pressure", pressure)]
        .into_iter()
        .for_each(|(name, value)| facts.add(name, value));
    let (hour, minute, of_minute) = (second / 3600, second / 60 % 60, second % 60);
    let sky = random.below(6);
    let head = format!(
        "{{\"event_id\":\"{:016x}-{number:08}\",\"event_time\":\"2024-03-15T{hour:02}:{minute:02}:{of_minute:02}.{:03}Z\",\
         \"ingested_at\":{},\"location_id\":{place},\"city\":\"{city}\",\"country\":\"{country}\",\"coord\":{coord},\
         \"timezone\":\"{}\",\"source\":\"owm-current-2.5\",\"station\":\"ST{:05}\",\"elevation\":{}",
        random.next(),
        random.below(1000),
        1_710_460_803 + second,
        ZONES[usize::try_from(place % 5).unwrap_or(0)],
        place % 977,
        decimal(place % 3000, 1),
    );
    let main = format!(
        ",\"main\":{{\"temp\":{},\"feels_like\":{},\"pressure\":{pressure},\"humidity\":{humidity},\"dew_point\":{}}}",
        decimal(temp, 2),
        decimal(temp - 125, 2),
        decimal(temp - 700, 2),
    );
    let wind = format!(
        ",\"wind\":{{\"speed\":{},\"deg\":{}{}}},\"weather\":[{}],\"hourly_temp\":[{list}]",
        decimal(speed, 2),
        random.below(360),
        gust(random, facts),
        skies(sky, random, facts),
    );
    let tail = format!(
        ",\"clouds\":{},\"visibility\":{},\"pop\":{},\"uvi\":{},\"is_day\":{}{}}}\n",
        sky * 16,
        visibility(random, facts),
        decimal(random.below(10_000), 4),
        decimal(random.below(110), 1),
        (21_600..64_800).contains(&second),
        note(random, place, facts),
    );
    [head, main, wind, tail].concat()
}

/// Absent in two rows of five.
fn gust(random: &mut Random, facts: &mut Facts) -> String {
    let gust = random.below(5000);
    facts.add("gusts", i64::from(gust >= 2000));
    if gust < 2000 { String::new() } else { format!(",\"gust\":{}", decimal(gust, 2)) }
}

/// One or two.
fn skies(first: i64, random: &mut Random, facts: &mut Facts) -> String {
    let text = |sky: i64| {
        let (id, main, description, icon) = SKIES[usize::try_from(sky % 6).unwrap_or(0)];
        format!("{{\"id\":{id},\"main\":\"{main}\",\"description\":\"{description}\",\"icon\":\"{icon}\"}}")
    };
    let two = random.below(5) == 0;
    facts.add("sum_weather", 1 + i64::from(two));
    if two { format!("{},{}", text(first), text(first + 1)) } else { text(first) }
}

/// Null in one row of ten.
fn visibility(random: &mut Random, facts: &mut Facts) -> String {
    let value = random.below(10_000);
    facts.add("visibilities", i64::from(value < 9000));
    if value < 9000 { value.to_string() } else { "null".to_owned() }
}

/// In one row of ten, with escapes.
fn note(random: &mut Random, place: i64, facts: &mut Facts) -> String {
    let there = random.below(10) == 0;
    facts.add("notes", i64::from(there));
    let text = || format!(",\"note\":\"manual \\\"check\\\"\\nby operator \\u00e9 {place}\"");
    if there { text() } else { String::new() }
}
